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
