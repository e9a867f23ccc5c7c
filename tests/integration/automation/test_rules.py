"""Rules are judged whole, versioned, owned, and their workspace's alone."""

import json

import pytest
from armature.automation.v1 import rule_pb2, rule_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from kit.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied, ServiceError
from tests.integration.automation.harness import Platform, Tenant

TODO = ("create_todo", {"title": "Call {{ trigger.after.name }}"})


async def refused(awaitable: object) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value


async def test_a_rule_is_kept_as_written_and_its_secret_is_shown_once(tenant: Tenant) -> None:
    made = await tenant.create([TODO, TODO], condition={"stage": "won"}, name="Won")
    assert made.webhook_secret.startswith("whsec_")
    rule = made.rule
    assert (rule.state, rule.version, rule.owner_id) == (
        "enabled",
        1,
        tenant.world.keys[tenant.key][1],
    )
    assert [a.name for a in rule.actions] == ["create_todo", "create_todo_2"]
    assert json.loads(rule.condition_json) == {"stage": "won"}
    by_name = await tenant.call(tenant.rules.GetRule, rule_service_pb2.GetRuleRequest(rule="Won"))
    assert by_name.rule == rule
    [event] = await tenant.events("rule.created")
    assert event["rule_id"] == rule.id
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        sealed = await tx.value(
            "SELECT webhook_secret FROM rules WHERE workspace_id = %s", [tenant.workspace_id]
        )
        answers = await tx.all("SELECT response FROM idempotency_keys")
    assert made.webhook_secret.encode() not in bytes(sealed)
    assert answers
    assert all(b"whsec_" not in bytes(row["response"]) for row in answers)


async def test_repeating_a_create_answers_the_first_response(tenant: Tenant) -> None:
    rule = rule_pb2.Rule(
        name="once",
        trigger=rule_pb2.Trigger(type="record_created", object="opportunity"),
        actions=[rule_pb2.Action(type="create_note", input_json=b'{"title":"a","body":"b"}')],
    )
    request = rule_service_pb2.CreateRuleRequest(rule=rule, request_id=str(ids.new_id()))
    first = await tenant.call(tenant.rules.CreateRule, request)
    assert await tenant.call(tenant.rules.CreateRule, request) == first


async def test_every_mistake_of_a_rule_is_told_at_once(tenant: Tenant) -> None:
    error = await refused(
        tenant.create(
            [
                ("create_tod", {}),
                (
                    "create_todo",
                    {"titel": "x", "due": "soon", "due_in_days": -1, "priority": "hgh"},
                ),
                ("create_record", {"object": "compny", "fields": {}}),
                ("create_record", {"object": "company", "fields": {"scor": 1, "score": "many"}}),
                ("update_record", {"fields": {"stage": "wonn"}}),
                (
                    "update_record",
                    {"object": "company", "fields": {"name": "{{ trigger.after.nme }}"}},
                ),
                (
                    "create_note",
                    {"title": "{{ triger.after.name }}", "body": "{{ 1 | upcse }} {% if %}"},
                ),
                (
                    "create_note",
                    {"title": "{{ steps.nothing.record.id }}", "body": "{{ 'a' | upcse }}"},
                ),
                ("send_webhook", {"url": "ftp://x", "headers": {"Host": "a"}}),
            ],
            trigger="record_updated",
            fields=["stag"],
            condition={
                "stge": "won",
                "amount.amount_micros": {"above": 1},
                "create_time": {"is_empty": True},
            },
        )
    )
    assert isinstance(error, InvalidArgument)
    assert error.reason == "RULE_INVALID"
    found = {(v.path, v.code) for v in error.violations}
    assert found >= {
        ("trigger.fields.0", "UNKNOWN_FIELD"),
        ("condition.stge", "UNKNOWN_FIELD"),
        ("condition.amount.amount_micros.above", "UNKNOWN_OPERATOR"),
        ("actions.0.type", "UNKNOWN_ACTION"),
        ("actions.1.input.titel", "UNKNOWN_INPUT"),
        ("actions.1.input.title", "REQUIRED"),
        ("actions.1.input.due", "INVALID_DATE"),
        ("actions.1.input.due_in_days", "OUT_OF_RANGE"),
        ("actions.1.input.priority", "UNKNOWN_OPTION"),
        ("actions.2.input.object", "UNKNOWN_OBJECT"),
        ("actions.3.input.fields.scor", "UNKNOWN_FIELD"),
        ("actions.3.input.fields.name", "REQUIRED"),
        ("actions.5.input.id", "REQUIRED"),
        ("actions.5.input.fields.name", "UNKNOWN_NAME"),
        ("actions.6.input.title", "UNKNOWN_NAME"),
        ("actions.6.input.body", "TEMPLATE_INVALID"),
        ("actions.7.input.title", "UNKNOWN_NAME"),
        ("actions.7.input.body", "UNKNOWN_FILTER"),
        ("actions.8.input.url", "URL_REFUSED"),
        ("actions.8.input.headers.Host", "HEADER_REFUSED"),
    }
    paths = {v.path for v in error.violations}
    assert {"actions.3.input.fields.score", "actions.4.input.fields.stage"} <= paths
    messages = {v.path: v.message for v in error.violations}
    assert "did you mean 'stage'?" in messages["trigger.fields.0"]
    assert "did you mean 'title'?" in messages["actions.1.input.titel"]
    assert "did you mean 'company'?" in messages["actions.2.input.object"]


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"company.nam": "x"}, "UNKNOWN_FIELD"),
        ({"company.parent.parent.name": "x"}, "PATH_LIMIT"),
        ({"create_time": {"is_empty": False}}, "NOT_IN_EVENT"),
        ([], "WRONG_KIND"),
        ({"score": {"gt": None}}, None),
    ],
)
async def test_a_condition_that_an_event_cannot_answer_is_refused(
    tenant: Tenant, condition: object, code: str | None
) -> None:
    error = await refused(tenant.create([TODO], condition=condition))
    assert error.reason == "RULE_INVALID"
    assert code is None or code in {v.code for v in error.violations}


async def test_names_are_unique_until_a_rule_is_deleted(tenant: Tenant) -> None:
    await tenant.create([TODO], name="same")
    error = await refused(tenant.create([TODO], name="same"))
    assert isinstance(error, AlreadyExists)
    assert error.reason == "RULE_NAME_TAKEN"
    await tenant.call(tenant.rules.DeleteRule, rule_service_pb2.DeleteRuleRequest(rule="same"))
    await tenant.create([TODO], name="same")


async def test_an_update_makes_a_version_and_who_changes_the_work_owns_it(tenant: Tenant) -> None:
    made = (await tenant.create([TODO])).rule
    member = tenant.world.new_key(tenant.workspace_id, "member")

    async def update(key: str, paths: list[str], **changes: object) -> rule_pb2.Rule:
        request = rule_service_pb2.UpdateRuleRequest(
            rule=made.id,
            changes=rule_pb2.Rule(**changes),  # type: ignore[arg-type]
            update_mask=FieldMask(paths=paths),
        )
        answer = await tenant.call(tenant.rules.UpdateRule, request, key)
        rule: rule_pb2.Rule = answer.rule
        return rule

    off = await update(member, ["state"], state="disabled")
    assert (off.version, off.state, off.owner_id) == (2, "disabled", made.owner_id)
    action = rule_pb2.Action(type="create_todo", input_json=b'{"title":"x"}')
    theirs = await update(member, ["actions", "state"], actions=[action], state="enabled")
    assert (theirs.version, theirs.state) == (3, "enabled")
    assert theirs.owner_id == tenant.world.keys[member][1]
    error = await refused(
        update(member, ["trigger"], trigger=rule_pb2.Trigger(type="x", object="y"))
    )
    assert {v.path for v in error.violations} == {"trigger.type", "trigger.object"}
    error = await refused(update(member, ["owner_id"]))
    assert [v.code for v in error.violations] == ["UNKNOWN_PATH"]
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        versions = await tx.all(
            "SELECT version FROM rule_versions WHERE workspace_id = %s", [tenant.workspace_id]
        )
    assert sorted(v["version"] for v in versions) == [1, 2, 3]


async def test_an_update_may_say_what_it_is_based_on_and_be_repeated(tenant: Tenant) -> None:
    made = (await tenant.create([TODO])).rule

    async def describe(text: str, etag: str, request_id: str = "") -> int:
        request = rule_service_pb2.UpdateRuleRequest(
            rule=made.id,
            changes=rule_pb2.Rule(description=text),
            update_mask=FieldMask(paths=["description"]),
            etag=etag,
            request_id=request_id,
        )
        return int((await tenant.call(tenant.rules.UpdateRule, request)).rule.version)

    assert await describe("ours", "1", "once") == 2
    assert await describe("later", "2") == 3
    assert await describe("ours", "1", "once") == 2
    assert (await refused(describe("theirs", "1"))).reason == "ETAG_MISMATCH"
    assert await describe("whatever it was", "") == 4
    stale = rule_service_pb2.DeleteRuleRequest(rule=made.id, etag="3")
    gone = tenant.call(tenant.rules.DeleteRule, stale)
    assert (await refused(gone)).reason == "ETAG_MISMATCH"


async def test_writing_rules_needs_its_permission(tenant: Tenant) -> None:
    reader = tenant.world.new_key(tenant.workspace_id, "read_only")
    error = await refused(tenant.create([TODO], key=reader))
    assert isinstance(error, PermissionDenied)


async def test_another_workspace_finds_nothing(
    platform: Platform, tenant: Tenant, address: str
) -> None:
    made = (await tenant.create([TODO])).rule
    other = platform.tenant(address)
    for method, request in (
        (other.rules.GetRule, rule_service_pb2.GetRuleRequest(rule=made.id)),
        (other.rules.GetRule, rule_service_pb2.GetRuleRequest(rule=made.name)),
        (other.rules.DeleteRule, rule_service_pb2.DeleteRuleRequest(rule=made.id)),
        (
            other.rules.UpdateRule,
            rule_service_pb2.UpdateRuleRequest(rule=made.id, update_mask=FieldMask(paths=["name"])),
        ),
    ):
        error = await refused(other.call(method, request))
        assert isinstance(error, NotFound)
        assert error.reason == "RULE_NOT_FOUND"
    await other.channel.close()


async def test_row_security_hides_other_workspaces(platform: Platform, tenant: Tenant) -> None:
    await tenant.create([TODO])
    async with platform.db.transaction(ids.new_id()) as tx:
        for table in (
            "rules",
            "rule_versions",
            "rule_sets",
            "runs",
            "steps",
            "run_queue",
            "attempts",
        ):
            assert await tx.all(f"SELECT * FROM {table}") == []
    async with platform.worker_db.across_workspaces() as tx:
        assert await tx.all("SELECT * FROM rules") == []


async def test_rules_are_listed_oldest_first_page_by_page(tenant: Tenant) -> None:
    made = [(await tenant.create([TODO])).rule.id for _ in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        page = await tenant.call(
            tenant.rules.ListRules, rule_service_pb2.ListRulesRequest(page_size=2, page_token=token)
        )
        seen += [rule.id for rule in page.rules]
        if not (token := page.next_page_token):
            break
    assert seen == made
