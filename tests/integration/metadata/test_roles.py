"""Roles of a workspace's own: judged when written, denied what they do not grant, shown no more."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.stack.servers import Started
from kit import credentials
from kit.credentials import Internal
from kit.errors import ServiceError
from schema.access import parse_access
from tests.integration.metadata.conftest import Client
from tests.services import reason


def grants(name: str, *actions: str, rule: Any = None, **fields: Mapping[str, bool]) -> Any:
    """One entry of a role's objects."""
    found: dict[str, Any] = {
        "object": name,
        "actions": actions or ("read",),
        "fields": [{"field": field} | dict(entry) for field, entry in fields.items()],
    }
    return found | ({} if rule is None else {"rule_json": json.dumps(rule).encode()})


@pytest.fixture
async def crm(acme: Client) -> Client:
    await acme("InstallBlueprint", blueprint="crm")
    return acme


HIDDEN = {"read": False}
SALES = [
    grants("opportunity", "read", "update", rule={"created_by.id": "me"}, amount=HIDDEN),
    grants("company", "read"),
]


async def make(crm: Client, *objects: Any, name: str = "sales", **more: Any) -> Any:
    return (await crm("CreateRole", role={"name": name, "objects": objects} | more)).role


async def test_a_role_is_shown_as_it_was_written(crm: Client) -> None:
    rule = {"or": [{"company.name": "Acme"}, {"not": {"stage": {"in": ["new"]}}}]}
    made = await make(crm, grants("opportunity", rule=rule, amount=HIDDEN), permissions=["rules"])
    assert (made.etag, made.standard, list(made.permissions)) == ("1", False, ["rules"])
    found = (await crm("GetRole", role="sales")).role.objects[0]
    assert json.loads(found.rule_json)["or"][0] == {"company.name": "Acme"}
    assert [(f.field, f.read, f.update) for f in found.fields] == [("amount", False, False)]
    listed = (await crm("ListRoles")).roles
    own = ["crm_analyst", "crm_user", "sales"]
    assert [r.name for r in listed] == sorted(["admin", "member", "read_only", *own])


async def test_every_problem_of_a_role_is_named(crm: Client) -> None:
    objects = [
        grants("oportunity"),
        grants("company", "write", "read", amout=HIDDEN),
        grants("person", "update", rule={"nam": "x"}),
        grants("opportunity", rule={}),
        grants("opportunity", "read", rule={"participants": {"some": {"name": "x"}}}),
    ]
    with pytest.raises(ServiceError) as refused:
        await make(crm, *objects, name="Sales", permissions=["read"])
    assert refused.value.reason == "ROLE_INVALID"
    found = {(v.path, v.code) for v in refused.value.violations}
    assert found >= {
        ("name", "INVALID_NAME"),
        ("permissions.0", "UNKNOWN_CHOICE"),
        ("objects.0.object", "UNKNOWN_OBJECT"),
        ("objects.1.actions.0", "UNKNOWN_CHOICE"),
        ("objects.1.fields.0.field", "UNKNOWN_FIELD"),
        ("objects.2.actions", "REQUIRED"),
        ("objects.2.rule.nam", "UNKNOWN_FIELD"),
        ("objects.3.rule", "EMPTY_FILTER"),
        ("objects.4.object", "DUPLICATE"),
    }


async def test_standard_roles_and_roles_in_use_stay(crm: Client) -> None:
    await make(crm)
    assert await reason(make(crm)) == "ALREADY_EXISTS/ROLE_NAME_TAKEN"
    assert await reason(crm("UpdateRole", role="admin")) == "FAILED_PRECONDITION/ROLE_STANDARD"
    assert await reason(crm("DeleteRole", role="member")) == "FAILED_PRECONDITION/ROLE_STANDARD"
    for name in ("nobody", "", "\0", "x" * 300):
        assert await reason(crm("GetRole", role=name)) == "NOT_FOUND/ROLE_NOT_FOUND"
        unknown = crm("SetMember", member={"principal_id": "ada", "role": name})
        assert await reason(unknown) == "INVALID_ARGUMENT/ROLE_UNKNOWN"
    for rule in (b"[]", b"3", b'"x"', b"null", b"{", b'{"and": 3}', b'{"name": {"some": 3}}'):
        odd = {"object": "company", "actions": ["read"], "rule_json": rule}
        refused = make(crm, odd, name="odd")
        if rule == b"null":
            await refused
        else:
            assert await reason(refused) == "INVALID_ARGUMENT/ROLE_INVALID", rule
    key = await crm("CreateApiKey", display_name="Robot", role="sales")
    assert await reason(crm("DeleteRole", role="sales")) == "FAILED_PRECONDITION/ROLE_IN_USE"
    await crm("RevokeApiKey", id=key.api_key.id)
    await crm("DeleteRole", role="sales")
    unknown = crm("SetMember", member={"principal_id": "ada", "role": "sales"})
    assert await reason(unknown) == "INVALID_ARGUMENT/ROLE_UNKNOWN"


async def test_an_update_replaces_what_is_sent_and_heeds_the_etag(crm: Client) -> None:
    await make(crm, grants("company"), description="Sells")
    changed = await crm("UpdateRole", role="sales", changes={"objects": [grants("person")]})
    assert changed.role.etag == "2"
    assert changed.role.description == "Sells"
    assert [o.object for o in changed.role.objects] == ["person"]
    same = await crm("UpdateRole", role="sales", changes={"objects": [grants("person")]})
    assert same.role.etag == "2"
    late = crm("UpdateRole", role="sales", changes={"description": "x"}, etag='"1"')
    assert await reason(late) == "ABORTED/ETAG_MISMATCH"


async def test_permissions_travel_with_the_answer_and_change_at_once(
    crm: Client, servers: Started
) -> None:
    plane = Client(crm.service, credentials.issue(servers["internal_secret"], Internal("records")))
    await make(crm, grants("company", "read", "update"))
    made = await crm("CreateApiKey", display_name="Robot", role="sales")
    answer = await plane("Authenticate", credential=made.secret)
    assert set(answer.permissions) == {"read", "write"}
    own = (await crm.compiled()).objects["company"].id
    assert parse_access(answer.access_json).objects[own].actions == ("read", "update")

    await crm("UpdateRole", role="sales", changes={}, update_mask={"paths": ["objects"]})
    answer = await plane("Authenticate", credential=made.secret)
    assert set(answer.permissions) == {"read"}
    assert parse_access(answer.access_json).objects == {}
    admin = await plane("Authenticate", credential=crm.credential)
    assert not admin.HasField("access_json")


async def test_definitions_are_shown_as_far_as_the_role_goes(crm: Client) -> None:
    await make(crm, *SALES)
    robot = await crm.with_role("sales")
    listed = await robot("ListObjects")
    assert [o.name for o in listed.objects] == ["company", "opportunity"]
    assert await reason(robot("GetObject", object="person")) == "NOT_FOUND/OBJECT_NOT_FOUND"
    fields = {f.name for f in (await robot("ListFields", object="opportunity")).fields}
    assert "stage" in fields
    assert "amount" not in fields
    assert "point_of_contact" not in fields  # leads to a hidden object
    missing = robot("GetField", object="opportunity", field="amount")
    assert await reason(missing) == "NOT_FOUND/FIELD_NOT_FOUND"
    seen = await robot.compiled()
    assert set(seen.objects) == {"company", "opportunity"}
    everything = str((await robot("GetSnapshot")).snapshot_json)
    for word in ("amount", "person"):
        assert word not in everything
    for view in (await robot("ListViews", object="opportunity")).views:
        assert "amount" not in str(view)
    hidden = (await robot("GetRole", role="sales")).role
    assert not hidden.objects
    refused = robot("CreateView", object="company", view={"type": "table", "name": "x"})
    assert await reason(refused) == "PERMISSION_DENIED/PERMISSION_REQUIRED"


async def test_check_access_says_whether_and_why(crm: Client) -> None:
    await make(crm, *SALES)
    robot = await crm.with_role("sales")
    for wanted, allowed, why in (
        ({"permission": "read", "object": "opportunity"}, True, "Its rule says on which records."),
        ({"permission": "delete", "object": "opportunity"}, False, "grants read, update"),
        ({"permission": "update", "object": "company", "field": "name"}, False, "not update"),
        ({"permission": "write"}, True, "has the permission write"),
    ):
        answer = await robot("CheckAccess", **wanted)
        assert (answer.allowed, why in answer.reason) == (allowed, True), answer.reason
    hidden = robot("CheckAccess", permission="read", object="person")
    assert await reason(hidden) == "NOT_FOUND/OBJECT_NOT_FOUND"
    everyone = await crm("CheckAccess", permission="purge", object="person")
    assert everyone.allowed


async def test_what_a_rule_speaks_of_stays_until_the_rule_is_changed(crm: Client) -> None:
    await make(crm, grants("opportunity", rule={"company.name": "Acme"}))
    gone = crm("DeleteField", object="opportunity", field="company")
    assert await reason(gone) == "FAILED_PRECONDITION/IN_USE"
    await crm("UpdateRole", role="sales", changes={"objects": [grants("opportunity")]})
    await crm("DeleteField", object="opportunity", field="company")
