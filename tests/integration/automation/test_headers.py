"""The values of headers that steps send are written, sent, and never read again."""

import json
from typing import Any

import pytest
from armature.automation.v1 import rule_pb2, rule_service_pb2, workflow_pb2, workflow_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from kit.masking import MASK
from tests.integration.automation.harness import Tenant
from tests.services import refusal

PB = workflow_service_pb2
TABLES = (
    "SELECT definition AS text FROM rule_versions",
    "SELECT definition AS text FROM workflow_versions",
    "SELECT draft AS text FROM workflows",
    "SELECT input AS text FROM steps",
    "SELECT payload AS text FROM outbox",
    "SELECT encode(response, 'escape') AS text FROM idempotency_keys",
)

pytestmark = pytest.mark.usefixtures("worker")


def action(url: str, kind: str = "send_webhook", **headers: str) -> rule_pb2.Action:
    given = {"url": url, "headers": {k.replace("_", "-"): v for k, v in headers.items()}}
    return rule_pb2.Action(type=kind, name="hook", input_json=json.dumps(given).encode())


async def update(tenant: Tenant, rule: str, *actions: rule_pb2.Action, **changes: Any) -> Any:
    if actions:
        changes["actions"] = actions
    request = rule_service_pb2.UpdateRuleRequest(
        rule=rule,
        changes=rule_pb2.Rule(**changes),
        update_mask=FieldMask(paths=list(changes)),
        request_id=str(ids.new_id()),
    )
    return (await tenant.call(tenant.rules.UpdateRule, request)).rule


def shown(action: rule_pb2.Action) -> Any:
    return json.loads(action.input_json)["headers"]


async def nowhere(tenant: Tenant, *words: str) -> None:
    """No row that this workspace keeps has one of the words in the clear."""
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        kept = [row["text"] for sql in TABLES for row in await tx.all(sql)]
    assert len(kept) >= 3
    for word in words:
        assert not [text for text in kept if word in text]


async def test_a_rule_sends_its_headers_and_shows_a_mask(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    url = tenant.platform.receiver.url + path
    given = {"Authorization": "Bearer tok-1", "X-Deal": "deal {{ trigger.after.name }} tok-2"}
    made = await tenant.create([("send_webhook", {"url": url, "headers": given})], names=["hook"])
    rule = made.rule
    assert shown(rule.actions[0]) == dict.fromkeys(given, MASK)
    run = await tenant.finished(await tenant.happen(after={"name": "Big"}))
    assert run.state == "succeeded", run.error
    hook = tenant.platform.receiver.at(path)[-1]
    assert hook.headers["authorization"] == "Bearer tok-1"
    assert hook.headers["x-deal"] == "deal Big tok-2"
    assert json.loads(run.steps[0].input_json)["headers"] == dict.fromkeys(given, MASK)
    renamed = await update(tenant, rule.id, name=f"other {ids.new_id()}")
    kept = await update(tenant, rule.id, action(f"{url}?n=2", authorization=MASK, x_new="tok-3"))
    assert shown(kept.actions[0]) == {"authorization": MASK, "x-new": MASK}
    assert renamed.version + 1 == kept.version
    await tenant.finished(await tenant.happen())
    hook = tenant.platform.receiver.at(f"{path}?n=2")[-1]
    assert (hook.headers["authorization"], hook.headers["x-new"]) == ("Bearer tok-1", "tok-3")
    assert "x-deal" not in hook.headers
    for wrong in (
        action("https://elsewhere.example/", authorization=MASK),
        action(url, x_unknown=MASK),
    ):
        error = await refusal(update(tenant, rule.id, wrong))
        assert [v.code for v in error.violations] == ["HEADER_MASKED"]
    error = await refusal(tenant.create([("send_webhook", {"url": url, "headers": {"X-A": MASK}})]))
    assert [v.path for v in error.violations] == ["actions.0.input.headers.X-A"]
    await nowhere(tenant, "tok-1", "tok-2", "tok-3")


async def test_a_workflow_keeps_and_masks_them_in_draft_versions_and_trials(
    tenant: Tenant,
) -> None:
    path = f"/{ids.new_id()}"
    url = tenant.platform.receiver.url + path

    def steps(name: str, text: str, at: str = url) -> list[Any]:
        call = {"id": "call", "type": "http_request",
                "input": {"url": at, "method": "POST", "headers": {name: text}}}  # fmt: skip
        return [{"id": "if", "type": "if", "when": "true", "then": [call]}]

    made = await tenant.draft({"trigger": {"type": "manual"}, "steps": steps("X-Key", "tok-4")})
    flow = made.workflow.id

    def headers_in(document: bytes) -> Any:
        found = json.loads(document)
        found = found["steps"] if isinstance(found, dict) else found
        return found[0]["then"][0]["input"]["headers"]

    assert headers_in(made.workflow.steps_json) == {"X-Key": MASK}
    await tenant.publish(flow)

    async def change(new: list[Any]) -> workflow_pb2.Workflow:
        request = PB.UpdateWorkflowRequest(
            workflow=flow,
            changes=workflow_pb2.Workflow(steps_json=json.dumps(new).encode()),
            update_mask=FieldMask(paths=["steps_json"]),
        )
        answer = await tenant.call(tenant.workflows.UpdateWorkflow, request)
        found: workflow_pb2.Workflow = answer.workflow
        return found

    assert headers_in((await change(steps("x-key", MASK))).steps_json) == {"x-key": MASK}
    trial = await tenant.call(
        tenant.workflows.CheckWorkflow, PB.CheckWorkflowRequest(workflow=flow)
    )
    told = {one.path: json.loads(one.input_json) for one in trial.effects}
    assert told["if/call"]["headers"] == {"x-key": MASK}
    await tenant.publish(flow)
    run = await tenant.until((await tenant.start(flow)).id)
    assert run.state == "succeeded", run.error
    assert tenant.platform.receiver.at(path)[-1].headers["x-key"] == "tok-4"
    versions = await tenant.call(
        tenant.workflows.ListWorkflowVersions, PB.ListWorkflowVersionsRequest(workflow=flow)
    )
    seen = [headers_in(one.definition_json) for one in versions.versions]
    assert seen == [{"x-key": MASK}, {"X-Key": MASK}]
    await change(steps("x-key", MASK, "https://elsewhere.example/"))
    error = await refusal(tenant.publish(flow))
    assert [v.code for v in error.violations] == ["HEADER_MASKED"]
    await nowhere(tenant, "tok-4")


async def test_what_was_kept_before_headers_were_sealed_is_sent(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    url = tenant.platform.receiver.url + path
    await tenant.create([("send_webhook", {"url": url, "headers": {"X-Old": "new"}})])
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(
            "UPDATE rule_versions SET definition = regexp_replace(definition,"
            ' \'"sealed:[^"]*"\', \'"old"\') WHERE workspace_id = %s',
            [tenant.workspace_id],
        )
    await tenant.finished(await tenant.happen())
    assert tenant.platform.receiver.at(path)[-1].headers["x-old"] == "old"


def sends(url: Any, value: Any, kind: str = "send_webhook") -> dict[str, Any]:
    return {"id": "call", "type": kind, "input": {"url": url, "headers": {"X-Key": value}}}


async def change(tenant: Tenant, flow: str, **documents: Any) -> workflow_pb2.Workflow:
    given: dict[str, Any] = {
        f"{name}_json": json.dumps(value).encode() for name, value in documents.items()
    }
    request = PB.UpdateWorkflowRequest(
        workflow=flow,
        changes=workflow_pb2.Workflow(**given),
        update_mask=FieldMask(paths=list(given)),
        request_id=str(ids.new_id()),
    )
    found: workflow_pb2.Workflow = (
        await tenant.call(tenant.workflows.UpdateWorkflow, request)
    ).workflow
    return found


async def is_refused(tenant: Tenant, flow: str) -> bool:
    error = await refusal(tenant.publish(flow))
    return [v.code for v in error.violations] == ["HEADER_MASKED"]


@pytest.mark.parametrize(
    "url",
    [
        "https://{{ vars.host }}/x",
        "{{ vars.url }}",
        "https://api.example{{ vars.tail }}",
        {"$cel": "vars.url"},
    ],
)
async def test_nothing_is_kept_for_a_server_that_a_template_names(tenant: Tenant, url: Any) -> None:
    def steps(host: str, value: str) -> list[Any]:
        values = {"host": host, "url": f"https://{host}", "tail": f".{host}"}
        first = {"id": "set", "type": "set_variables", "input": {"values": values}}
        return [first, sends(url, value)]

    variables = {"host": "good.example", "url": "https://good.example", "tail": "/"}
    made = await tenant.draft(
        {
            "trigger": {"type": "manual"},
            "variables": variables,
            "steps": steps("good.example", "tok-5"),
        }
    )
    flow = made.workflow.id
    await tenant.publish(flow)
    await change(tenant, flow, steps=steps("evil.example", MASK))
    assert await is_refused(tenant, flow)
    await change(tenant, flow, steps=steps("good.example", "tok-5"))
    await change(tenant, flow, limits={"concurrency": 2})
    await tenant.publish(flow)
    await change(tenant, flow, variables={**variables, "host": "evil.example"})
    assert await is_refused(tenant, flow)
    await nowhere(tenant, "tok-5")


async def test_a_rule_whose_server_is_a_template_is_renamed_and_not_led_elsewhere(
    tenant: Tenant,
) -> None:
    url = "https://{{ trigger.after.name }}/x"
    given = {"url": url, "headers": {"X-Key": "tok-6"}}
    made = await tenant.create([("send_webhook", given)], names=["hook"])
    rule = made.rule.id
    renamed = await update(tenant, rule, name=f"other {ids.new_id()}")
    assert shown(renamed.actions[0]) == {"X-Key": MASK}
    error = await refusal(update(tenant, rule, action(url, x_key=MASK)))
    assert [v.code for v in error.violations] == ["HEADER_MASKED"]


@pytest.mark.parametrize("kind", ["send_webhok", "", None, "update_record"])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Key": "tok-7"},
        {"X-Key": {"$cel": "'tok-7'"}},
        {"X-Key": ["tok-7"]},
        [{"name": "X-Key", "value": "tok-7"}],
        "X-Key: tok-7",
    ],
)
async def test_headers_of_what_is_no_step_yet_are_shut_too(
    tenant: Tenant, kind: str | None, headers: Any
) -> None:
    given = {"url": "https://a.example", "headers": headers}
    step = {"id": "call", "input": given} | ({} if kind is None else {"type": kind})
    made = await tenant.draft({"trigger": {"type": "manual"}, "steps": [step]})
    flow = made.workflow.id
    request = PB.GetWorkflowRequest(workflow=flow)
    got = (await tenant.call(tenant.workflows.GetWorkflow, request)).workflow
    [seen] = json.loads(got.steps_json)
    assert seen["input"]["headers"] == ({"X-Key": MASK} if isinstance(headers, dict) else MASK)
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        [row] = await tx.all("SELECT draft AS text FROM workflows")
    assert "tok-7" not in row["text"]


async def test_what_stands_in_the_place_of_headers_is_kept_and_sent(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    url = tenant.platform.receiver.url + path
    whole = sends(url, "")
    set_up = {"id": "set", "type": "set_variables", "input": {"values": {"h": {"x-key": "tok-8"}}}}
    whole["input"]["headers"] = "{{ vars.h }}"
    flow = (await tenant.workflow([set_up, whole])).id
    masked = sends(url, "")
    masked["input"]["headers"] = MASK
    await change(tenant, flow, steps=[set_up, masked])
    await tenant.publish(flow)
    run = await tenant.until((await tenant.start(flow)).id)
    assert run.state == "succeeded", run.error
    assert tenant.platform.receiver.at(path)[-1].headers["x-key"] == "tok-8"


async def another_secret(tenant: Tenant) -> None:
    """As if what is sealed had been sealed under another secret."""
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        for table, column in (
            ("rule_versions", "definition"),
            ("workflow_versions", "definition"),
            ("workflows", "draft"),
        ):
            await tx.run(
                f"UPDATE {table} SET {column} = regexp_replace({column},"
                f' \'"sealed:[^"]*"\', \'"sealed:{"A" * 64}"\') WHERE workspace_id = %s',
                [tenant.workspace_id],
            )


async def test_headers_that_cant_be_read_any_more_are_given_anew(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    url = tenant.platform.receiver.url + path
    given = {"url": url, "headers": {"X-Key": "old"}}
    rule = (await tenant.create([("send_webhook", given)], names=["hook"])).rule.id
    flow = (await tenant.workflow([sends(url, "old")])).id
    await another_secret(tenant)
    run = await tenant.finished(await tenant.happen())
    why = "headers can't be read any more: give their values anew"
    assert (run.state, why in run.error) == ("failed", True), run.error
    assert not tenant.platform.receiver.at(path)
    error = await refusal(update(tenant, rule, name=f"other {ids.new_id()}"))
    assert [v.code for v in error.violations] == ["HEADER_MASKED"]
    assert await is_refused(tenant, flow)
    request = PB.CheckWorkflowRequest(workflow=flow)
    checked = await tenant.call(tenant.workflows.CheckWorkflow, request)
    assert [one.code for one in checked.problems] == ["HEADER_MASKED"]
    await update(tenant, rule, action(url, x_key="new"))
    await change(tenant, flow, steps=[sends(url, "new")])
    await tenant.publish(flow)
    await tenant.finished(await tenant.happen())
    assert tenant.platform.receiver.at(path)[-1].headers["x-key"] == "new"
