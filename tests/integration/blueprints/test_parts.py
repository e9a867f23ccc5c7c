"""What people have done since to the parts of a blueprint stands, wherever a process died."""

from typing import Any

import pytest

from services.metadata.operations import blueprints
from services.metadata.servicers.blueprint_calls import BlueprintCalls
from tests.integration.blueprints.conftest import Client, Planes
from tests.integration.blueprints.test_blueprints import BROUGHT, FLOW, RULE, roles, rules, said
from tests.services import reason, refusal

DESCRIPTION = {"paths": ["description"]}
RESTORE = "it was deleted since: restore brings it back"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The blueprints that ship, to be changed."""
    found = blueprints.shelf()
    monkeypatch.setattr(blueprints, "shelf", lambda: found)
    return found


async def install(acme: Client, **more: Any) -> Any:
    return await acme("InstallBlueprint", blueprint="crm", **more)


async def uninstall(acme: Client) -> Any:
    return await acme("UninstallBlueprint", blueprint="crm")


async def died(acme: Client) -> None:
    """An install by a process that dies after the first call to the other plane."""

    async def dead(*_: object) -> None:
        raise RuntimeError("killed before the note")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blueprints, "finished", dead)
        assert (await reason(install(acme))).startswith("INTERNAL")


def newer(shelf: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shelf["crm"]
    found["version"] += 1
    for one in (*found["roles"], *found["rules"]):
        one["description"] = "Newer"
    return found


def why(answer: Any) -> dict[str, list[str]]:
    return {c.path: list(c.affects) for c in answer.changes if c.affects}


async def test_what_somebody_has_deleted_stays_deleted_until_it_is_asked_for(
    acme: Client, planes: Planes, shelf: dict[str, Any]
) -> None:
    async with planes.start():
        await install(acme)
        await acme("DeleteRole", role="crm_user")
        await acme("DeleteRule", rule=RULE)
        again = await install(acme)
        assert (said(again), why(again)) == (
            {("keep", "role", "crm_user")},
            {"crm_user": [RESTORE]},
        )
        newer(shelf)
        upgraded = await install(acme)
        assert why(upgraded) == {"crm_user": [RESTORE], RULE: [RESTORE]}
        assert list(upgraded.pending) == []
        assert (await roles(acme), await rules(acme)) == ({"crm_analyst"}, [])

        back = {("create", "role", "crm_user"), ("create", "rule", RULE)}
        assert said(await install(acme, restore=True, validate_only=True)) == back
        assert said(await install(acme, restore=True)) == back
        assert await roles(acme) == {"crm_user", "crm_analyst"}
        assert await rules(acme) == [(RULE, "disabled")]
        assert not (await install(acme, restore=True)).changes
        assert said(await uninstall(acme)) == {("delete", kind, n) for _, kind, n in BROUGHT}
        assert (await roles(acme), await rules(acme)) == (set(), [])
        assert said(await install(acme)) == BROUGHT


async def test_who_lacks_a_permission_is_told_of_all_of_it_before_anything_is_done(
    acme: Client, planes: Planes
) -> None:
    role = {"name": "builder", "permissions": ["schema"], "objects": []}
    await acme("CreateRole", role=role)
    key = (await acme("CreateApiKey", display_name="k", role="builder")).secret
    builder = Client(planes, key)
    async with planes.start():
        planned = await install(builder, validate_only=True)
        assert said(planned) == BROUGHT
        assert why(planned) == {
            "crm_user": ["it takes the permission admin"],
            "crm_analyst": ["it takes the permission admin"],
            RULE: ["it takes the permission rules"],
        }
        found = await refusal(install(builder, request_id="mine"))
        assert found.reason == "PERMISSION_REQUIRED"
        assert found.metadata["permission"] == "admin, rules"
        for name in ("crm_user", "crm_analyst", RULE, "nothing was changed"):
            assert name in found.message
        assert not (await acme("ListBlueprints")).blueprints[0].installed_version
        assert (await acme("GetSnapshot")).metadata_version == 1

        await install(acme)
        assert not (await install(builder)).changes
        left = uninstall(builder)
        assert await reason(left) == "PERMISSION_DENIED/PERMISSION_REQUIRED"
        assert await roles(acme) >= {"crm_user", "crm_analyst"}


async def test_a_rule_that_somebody_changed_before_it_was_noted_is_theirs(
    acme: Client, planes: Planes
) -> None:
    async with planes.start():
        await died(acme)
        await acme(
            "UpdateRule", rule=RULE, changes={"description": "Ours"}, update_mask=DESCRIPTION
        )
        again = await install(acme)
        assert why(again) == {RULE: ["it was changed since"]}
        [rule] = (await acme("ListRules")).rules
        assert (rule.description, rule.version) == ("Ours", 2)
        assert ("keep", "rule", RULE) in said(await uninstall(acme))


async def test_a_rule_that_somebody_deleted_before_it_was_noted_stays_deleted(
    acme: Client, planes: Planes
) -> None:
    async with planes.start():
        await died(acme)
        await acme("DeleteRule", rule=RULE)
        again = await install(acme)
        assert (why(again), list(again.pending)) == ({RULE: [RESTORE]}, [])
        assert await rules(acme) == []
        assert said(await install(acme, restore=True)) == {("create", "rule", RULE)}


async def test_a_rule_that_was_made_and_not_noted_goes_with_its_blueprint(
    acme: Client, planes: Planes
) -> None:
    async with planes.start():
        await died(acme)
        assert ("delete", "rule", RULE) in said(await uninstall(acme))
        assert await rules(acme) == []


@pytest.mark.parametrize("changed", [False, True])
async def test_an_upgrade_that_was_not_noted_is_told_from_what_somebody_did(
    acme: Client, planes: Planes, shelf: dict[str, Any], *, changed: bool
) -> None:
    async with planes.start():
        await install(acme)
        newer(shelf)
        await died(acme)
        if changed:
            ours = {"description": "Ours"}
            await acme("UpdateRule", rule=RULE, changes=ours, update_mask=DESCRIPTION)
        await install(acme)
        [rule] = (await acme("ListRules")).rules
        assert (rule.description, rule.version) == (("Ours", 3) if changed else ("Newer", 2))
        gone = said(await uninstall(acme), "rule")
        assert gone == {("keep" if changed else "delete", "rule", RULE)}


async def test_an_upgrade_writes_nothing_over_that_came_just_before_it(
    acme: Client, planes: Planes, shelf: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = BlueprintCalls.change

    async def late(own: BlueprintCalls, *args: Any) -> int:
        await acme(
            "UpdateRule", rule=RULE, changes={"description": "Ours"}, update_mask=DESCRIPTION
        )
        return await change(own, *args)

    async with planes.start():
        await install(acme)
        newer(shelf)
        monkeypatch.setattr(BlueprintCalls, "change", late)
        assert why(await install(acme)) == {RULE: ["it was changed since"]}
        [rule] = (await acme("ListRules")).rules
        assert rule.description == "Ours"


async def test_what_somebody_changes_just_before_it_would_go_stays(
    acme: Client, planes: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = BlueprintCalls.remove

    async def late(own: BlueprintCalls, *args: Any) -> None:
        mask = {"paths": ["state"]}
        await acme("UpdateRule", rule=RULE, changes={"state": "disabled"}, update_mask=mask)
        await remove(own, *args)

    async with planes.start():
        await install(acme)
        monkeypatch.setattr(BlueprintCalls, "remove", late)
        assert ("keep", "rule", RULE) in said(await uninstall(acme))
        assert await rules(acme) == [(RULE, "disabled")]


@pytest.mark.parametrize("changed", [False, True])
async def test_a_workflow_is_published_as_the_blueprint_has_it_or_not_at_all(
    acme: Client, planes: Planes, shelf: dict[str, Any], *, changed: bool
) -> None:
    shelf["crm"]["rules"] = []
    shelf["crm"]["workflows"] = [FLOW]

    async def dead(*_: object) -> int:
        raise RuntimeError("killed between two calls")

    async with planes.start():
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(BlueprintCalls, "publish", dead)
            assert (await reason(install(acme))).startswith("INTERNAL")
        if changed:
            ours = {"description": "Ours"}
            await acme("UpdateWorkflow", workflow="Greet", changes=ours, update_mask=DESCRIPTION)
        again = await install(acme)
        expected = "keep" if changed else "create"
        assert said(again, "workflow") == {(expected, "workflow", "Greet")}
        [flow] = (await acme("ListWorkflows")).workflows
        assert flow.published_version == (0 if changed else 1)


async def test_what_an_older_release_made_and_did_not_note_follows_the_newer_one(
    acme: Client, planes: Planes, shelf: dict[str, Any]
) -> None:
    async with planes.start():
        await died(acme)
        newer(shelf)
        again = await install(acme)
        assert ("create", "rule", RULE) in said(again)
        [rule] = (await acme("ListRules")).rules
        assert rule.description == "Newer"
        assert ("delete", "rule", RULE) in said(await uninstall(acme))
