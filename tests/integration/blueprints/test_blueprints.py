"""A blueprint brings roles, rules and workflows as well, over two planes, once and all of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.metadata.operations import blueprints
from services.metadata.servicers import blueprint_parts
from tests.integration.blueprints.conftest import Client, Planes
from tests.services import reason

RULE = "Hand over a won opportunity"
FLOW = {
    "name": "Greet",
    "trigger": {"type": "record_created", "object": "company"},
    "steps": [{"id": "note", "type": "create_note", "input": {"title": "Hello", "body": "New"}}],
    "published": True,
}


def said(answer: Any, *kinds: str) -> set[tuple[str, str, str]]:
    wanted = kinds or ("role", "rule", "workflow")
    return {(c.action, c.kind, c.path) for c in answer.changes if c.kind in wanted}


BROUGHT = {
    ("create", "role", "crm_user"),
    ("create", "role", "crm_analyst"),
    ("create", "rule", RULE),
}


async def roles(acme: Client) -> set[str]:
    return {r.name for r in (await acme("ListRoles")).roles if not r.standard}


async def rules(acme: Client) -> list[tuple[str, str]]:
    return [(r.name, r.state) for r in (await acme("ListRules")).rules]


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The blueprints that ship, to be changed."""
    found = blueprints.shelf()
    monkeypatch.setattr(blueprints, "shelf", lambda: found)
    return found


async def test_roles_and_rules_come_and_go_with_a_blueprint(acme: Client, planes: Planes) -> None:
    async with planes.start():
        planned = await acme("InstallBlueprint", blueprint="crm", validate_only=True)
        assert said(planned) == BROUGHT
        assert (await roles(acme), await rules(acme)) == (set(), [])
        done = await acme("InstallBlueprint", blueprint="crm", request_id="once")
        assert (said(done), list(done.pending)) == (BROUGHT, [])
        assert await roles(acme) == {"crm_user", "crm_analyst"}
        assert await rules(acme) == [(RULE, "disabled")]
        assert not (await acme("InstallBlueprint", blueprint="crm")).changes
        [listed] = (await acme("ListBlueprints")).blueprints
        assert (listed.installed_version, list(listed.pending)) == (listed.version, [])

        going = await acme("UninstallBlueprint", blueprint="crm", validate_only=True)
        gone = {("delete", kind, name) for _, kind, name in BROUGHT}
        assert said(going) == gone
        assert said(await acme("UninstallBlueprint", blueprint="crm")) == gone
        assert (await roles(acme), await rules(acme)) == (set(), [])
        [listed] = (await acme("ListBlueprints")).blueprints
        assert listed.installed_version == 0


async def test_what_another_plane_did_not_take_follows_when_it_answers(
    acme: Client, planes: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def impatiently(method: str) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(blueprint_parts, "ANSWER_SECONDS", 0.05)
            return await acme(method, blueprint="crm")

    done = await impatiently("InstallBlueprint")
    assert said(done, "rule") == set()
    assert list(done.pending) == [f"rule {RULE}: the automation plane did not answer"]
    assert len(said(done, "object")) == 3
    [listed] = (await acme("ListBlueprints")).blueprints
    assert list(listed.pending) == [f"rule {RULE}"]
    async with planes.start():
        again = await acme("InstallBlueprint", blueprint="crm")
        assert said(again) == {("create", "rule", RULE)}
        assert len(again.changes) == 1
        assert await rules(acme) == [(RULE, "disabled")]
    left = await impatiently("UninstallBlueprint")
    assert list(left.pending) == [f"rule {RULE}: the automation plane did not answer"]
    [listed] = (await acme("ListBlueprints")).blueprints
    assert (listed.leaving, list(listed.pending)) == (True, [f"rule {RULE}"])
    async with planes.start():
        assert said(await acme("UninstallBlueprint", blueprint="crm")) == {("delete", "rule", RULE)}
        assert await rules(acme) == []


async def test_a_process_that_dies_after_a_call_makes_nothing_twice(
    acme: Client, planes: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(*_: object) -> None:
        raise RuntimeError("killed before the note")

    async with planes.start():
        with monkeypatch.context() as patched:
            patched.setattr(blueprints, "finished", died)
            assert (await reason(acme("InstallBlueprint", blueprint="crm"))).startswith("INTERNAL")
        assert await rules(acme) == [(RULE, "disabled")]
        again = await acme("InstallBlueprint", blueprint="crm")
        assert list(again.pending) == []
        assert await rules(acme) == [(RULE, "disabled")]
        assert said(await acme("UninstallBlueprint", blueprint="crm"), "rule") == {
            ("delete", "rule", RULE)
        }


async def test_what_somebody_has_changed_or_uses_is_kept_and_said(
    acme: Client, planes: Planes, shelf: dict[str, Any]
) -> None:
    async with planes.start():
        await acme("InstallBlueprint", blueprint="crm")
        mask = {"paths": ["description"]}
        await acme("UpdateRole", role="crm_user", changes={"description": "Ours"}, update_mask=mask)
        await acme("UpdateRule", rule=RULE, changes={"description": "Ours"}, update_mask=mask)
        await acme("CreateApiKey", display_name="k", role="crm_analyst")

        newer = shelf["crm"]
        newer["version"] += 1
        newer["roles"][0]["description"] = "Newer"
        newer["roles"][1]["description"] = "Newer"
        newer["rules"][0]["description"] = "Newer"
        upgraded = await acme("InstallBlueprint", blueprint="crm")
        assert said(upgraded) == {
            ("keep", "role", "crm_user"),
            ("update", "role", "crm_analyst"),
            ("keep", "rule", RULE),
        }
        left = await acme("UninstallBlueprint", blueprint="crm")
        kept = {c.path: list(c.affects) for c in left.changes if c.action == "keep"}
        assert kept == {
            "crm_user": ["it was changed since"],
            "crm_analyst": ["members or keys have it"],
            RULE: ["it was changed since"],
        }
        assert await roles(acme) == {"crm_user", "crm_analyst"}
        assert await rules(acme) == [(RULE, "disabled")]


async def test_an_upgrade_changes_what_is_as_it_was_left(
    acme: Client, planes: Planes, shelf: dict[str, Any]
) -> None:
    async with planes.start():
        await acme("InstallBlueprint", blueprint="crm")
        newer = shelf["crm"]
        newer["version"] += 1
        newer["rules"][0]["description"] = "Newer"
        newer["workflows"] = [FLOW]
        upgraded = await acme("InstallBlueprint", blueprint="crm")
        assert list(upgraded.pending) == []
        assert said(upgraded) == {("update", "rule", RULE), ("create", "workflow", "Greet")}
        [rule] = (await acme("ListRules")).rules
        assert rule.description == "Newer"
        [flow] = (await acme("ListWorkflows")).workflows
        assert (flow.name, flow.state) == ("Greet", "enabled")
        gone = said(await acme("UninstallBlueprint", blueprint="crm"), "rule", "workflow")
        assert gone == {("delete", "rule", RULE), ("delete", "workflow", "Greet")}


async def test_a_rule_that_makes_no_sense_holds_up_nothing_else(
    acme: Client, planes: Planes, shelf: dict[str, Any]
) -> None:
    bad: Mapping[str, Any] = shelf["crm"]["rules"][0] | {
        "name": "Bad",
        "condition": {"stge": "won"},
    }
    shelf["crm"]["rules"].insert(0, bad)
    async with planes.start():
        done = await acme("InstallBlueprint", blueprint="crm")
        [why] = done.pending
        assert why.startswith("rule Bad: ")
        assert "stge" in why
        assert await rules(acme) == [(RULE, "disabled")]
