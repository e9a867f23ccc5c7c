"""Workflows are drafts until published; publishing names every mistake."""

import asyncio
import json
from typing import Any

import pytest
from armature.automation.v1 import workflow_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from kit.errors import Aborted, InvalidArgument
from tests.integration.automation.flows import NAMED, PB, TODO, refused, titles, todo
from tests.integration.automation.harness import Tenant

pytestmark = pytest.mark.usefixtures("worker")


async def test_a_draft_starts_nothing_and_a_version_is_frozen(tenant: Tenant) -> None:
    made = await tenant.draft({"steps": [TODO], "trigger": {"type": "manual"}, "inputs": NAMED})
    workflow = made.workflow
    assert (workflow.state, workflow.published_version, workflow.version) == ("draft", 0, 1)
    assert made.webhook_secret.startswith("whsec_")
    error = await refused(tenant.start(workflow.id, name="x"))
    assert error.reason == "WORKFLOW_NOT_PUBLISHED"
    published = await tenant.publish(workflow.id)
    assert (published.state, published.published_version) == ("enabled", 1)
    update = PB.UpdateWorkflowRequest(
        workflow=workflow.id,
        changes=workflow_pb2.Workflow(steps_json=json.dumps([todo("other")]).encode()),
        update_mask=FieldMask(paths=["steps_json"]),
        request_id=str(ids.new_id()),
    )
    await tenant.call(tenant.workflows.UpdateWorkflow, update)
    run = await tenant.until((await tenant.start(workflow.id, name="Ada")).id)
    assert (run.state, run.workflow_version, run.kind) == ("succeeded", 1, "workflow")
    assert titles(tenant) == ["Call Ada"]
    assert tenant.effects("CreateTodo")[0].request_id == f"{run.id}/0/call"
    await tenant.publish(workflow.id)
    listed = await tenant.call(
        tenant.workflows.ListWorkflowVersions,
        PB.ListWorkflowVersionsRequest(workflow=workflow.id),
    )
    assert [v.version for v in listed.versions] == [2, 1]
    assert json.loads(listed.versions[1].definition_json)["steps"] == [TODO]
    assert len(await tenant.events("workflow.published")) == 2


async def test_what_is_published_is_the_version_that_is_named(tenant: Tenant) -> None:
    made = (await tenant.draft({"steps": [todo("a")], "trigger": {"type": "manual"}})).workflow

    async def publish(etag: str, request_id: str = "") -> int:
        request = PB.PublishWorkflowRequest(workflow=made.id, etag=etag, request_id=request_id)
        answer = await tenant.call(tenant.workflows.PublishWorkflow, request)
        return int(answer.workflow.version)

    assert (await refused(publish("2"))).reason == "ETAG_MISMATCH"
    assert await publish("1", "once") == 2
    assert (await refused(publish("1"))).reason == "ETAG_MISMATCH"
    assert await publish("1", "once") == 2
    stale = PB.DeleteWorkflowRequest(workflow=made.id, etag="1")
    gone = tenant.call(tenant.workflows.DeleteWorkflow, stale)
    assert (await refused(gone)).reason == "ETAG_MISMATCH"


async def test_who_publishes_at_once_waits_for_the_others(tenant: Tenant) -> None:
    made = (await tenant.draft({"steps": [todo("a")], "trigger": {"type": "manual"}})).workflow

    async def publish(etag: str = "") -> workflow_pb2.Workflow:
        request = PB.PublishWorkflowRequest(workflow=made.id, etag=etag)
        answer = await tenant.call(tenant.workflows.PublishWorkflow, request)
        found: workflow_pb2.Workflow = answer.workflow
        return found

    published = await asyncio.gather(*(publish() for _ in range(6)))
    assert sorted(one.published_version for one in published) == [1, 2, 3, 4, 5, 6]
    named = str(max(one.version for one in published))
    answers = await asyncio.gather(*(publish(named) for _ in range(4)), return_exceptions=True)
    refusals = [one.reason for one in answers if isinstance(one, Aborted)]
    assert refusals == ["ETAG_MISMATCH"] * 3


async def test_publishing_names_every_mistake(tenant: Tenant) -> None:
    made = await tenant.draft(
        {
            "trigger": {"type": "record_updated", "object": "opportunity", "fields": ["stge"]},
            "condition": {"amont": 1},
            "when": "trigger.after.score +",
            "steps": [
                {"id": "a", "type": "create_record", "input": {"object": "compny", "fields": {}}},
                {"id": "b", "type": "update_record", "input": {"fields": {"stage": "wonn"}}},
                {"id": "c", "type": "if", "when": "1 + 1", "then": [todo("d")], "next": "nowhere"},
                {"id": "e", "type": "stop"},
                {"id": "f", "type": "create_todo", "input": {"title": "{{ steps.zz.x }}"}},
                {"id": "a", "type": "stop"},
                {"id": "g", "type": "delayy"},
                {"id": "h", "type": "delay", "input": {"for": "soon"}},
                {"id": "i", "type": "emit_event", "input": {"event": "record.created"}},
                {"id": "j", "type": "for_each", "items": "{{ trigger.after.nme }}", "body": []},
            ],
        }
    )
    error = await refused(tenant.publish(made.workflow.id))
    assert isinstance(error, InvalidArgument)
    assert error.reason == "WORKFLOW_INVALID"
    found = {(v.path, v.code) for v in error.violations}
    assert {
        ("trigger.fields.0", "UNKNOWN_FIELD"),
        ("when", "FORMULA_INVALID"),
        ("steps.0.input.object", "UNKNOWN_OBJECT"),
        ("steps.1.input.fields.stage", "UNKNOWN_OPTION"),
        ("steps.2.when", "FORMULA_INVALID"),
        ("steps.5.id", "NAME_TAKEN"),
        ("steps.6.type", "UNKNOWN_STEP"),
    } <= found, found
    assert any("did you mean 'stage'" in v.message for v in error.violations)
    assert any("did you mean 'delay'" in v.message for v in error.violations)
    condition = await tenant.draft(
        {
            "trigger": {"type": "record_created", "object": "opportunity"},
            "when": "trigger.after.stge == 'won' && has(trigger.after.stage)",
            "steps": [todo("a")],
        }
    )
    error = await refused(tenant.publish(condition.workflow.id))
    assert [(v.path, v.code) for v in error.violations] == [("when", "UNKNOWN_NAME")]
    assert "did you mean 'stage'" in error.violations[0].message
    early = {"when": "vars.n > 1", "variables": {"n": 2}, "steps": [todo("a")]}
    early["trigger"] = {"type": "manual"}
    error = await refused(tenant.publish((await tenant.draft(early)).workflow.id))
    assert [(v.path, v.code) for v in error.violations] == [("when", "UNKNOWN_NAME")]
    shape = await tenant.draft(
        {
            "trigger": {"type": "record_created", "object": "opportunity"},
            "steps": [
                {"id": "a", "type": "stop"},
                {"id": "b", "type": "create_todo", "input": {"title": "{{ steps.zz.x }}"}},
                {"id": "c", "type": "stop", "next": "nowhere"},
                {"id": "d", "type": "delay", "input": {"for": "soon"}, "next": "a"},
                {"id": "e", "type": "emit_event", "input": {"event": "record.created"}},
                {
                    "id": "f",
                    "type": "for_each",
                    "items": "{{ trigger.after.nme }}",
                    "body": [todo("g", "{{ item.x }} {{ steps.b.tdo.id }}")],
                },
                todo("h", "{{ item }} {{ steps.g.todo.id }}"),
                {
                    "id": "i",
                    "type": "set_variables",
                    "input": {"values": {"x": {"$cel": "vars.q"}}},
                },
            ],
        }
    )
    error = await refused(tenant.publish(shape.workflow.id))
    found = {(v.path, v.code) for v in error.violations}
    assert {
        ("steps.1", "UNREACHABLE"),
        ("steps.1.input.title", "UNKNOWN_NAME"),
        ("steps.2.next", "DANGLING_REFERENCE"),
        ("steps.3.input.for", "WRONG_KIND"),
        ("steps.3.next", "CYCLE"),
        ("steps.4.input.event", "NOT_ALLOWED"),
        ("steps.5.items", "UNKNOWN_NAME"),
        ("steps.5.body.0.input.title", "UNKNOWN_NAME"),
        ("steps.6.input.title", "UNKNOWN_NAME"),
        ("steps.7.input.values.x", "UNKNOWN_NAME"),
    } <= found, found


@pytest.mark.parametrize(
    ("trigger", "path", "code"),
    [
        ({"type": "event", "event": "x"}, "trigger.event", "WRONG_KIND"),
        ({"type": "workflow", "workflow": "none"}, "trigger.workflow", "UNKNOWN_WORKFLOW"),
        ({"type": "webhook", "signed": "yes"}, "trigger.signed", "WRONG_KIND"),
        (
            {"type": "record_updated", "object": "opportunity", "changes": {"stage": {"to": "x"}}},
            "trigger.changes.stage.to",
            "UNKNOWN_OPTION",
        ),
        (
            {"type": "record_updated", "object": "opportunity", "changes": {"score": {"to": "x"}}},
            "trigger.changes.score.to",
            "WRONG_TYPE",
        ),
    ],
)
async def test_publishing_names_what_a_trigger_can_never_meet(
    tenant: Tenant, trigger: dict[str, Any], path: str, code: str
) -> None:
    made = await tenant.draft({"trigger": trigger, "steps": [{"id": "a", "type": "stop"}]})
    error = await refused(tenant.publish(made.workflow.id))
    assert [(v.path, v.code) for v in error.violations] == [(path, code)]


async def test_publishing_names_what_no_step_can_reach(tenant: Tenant) -> None:
    made = await tenant.draft(
        {
            "trigger": {"type": "record_created", "object": "opportunity"},
            "limits": {"debounce": {"key": "{{ trigger.after.nme }}"}, "rate": {"per": 1}},
            "steps": [
                {"id": "a", "type": "call_workflow", "input": {"workflow": "nobody"}},
                {"id": "b", "type": "link",
                 "input": {"type": "no_such", "target": {"kind": "firmm", "id": "x"}}},
                {"id": "c", "type": "find_records",
                 "input": {"object": "company", "sort": "nme", "fields": "nme"}},
                {"id": "d", "type": "upsert_record",
                 "input": {"object": "company", "match": ["nme"], "fields": {"name": "x"}}},
                {"id": "e", "type": "update_record",
                 "input": {"fields": {"score": "{{ trigger.after.name }}",
                                      "name": "{{ trigger.after.score }}"}}},
                {"id": "f", "type": "update_record",
                 "input": {"fields": {"score": "{{ trigger.after.name | size }}",
                                      "name": "{{ trigger.after.stage }}"}}},
            ],
        }
    )  # fmt: skip
    error = await refused(tenant.publish(made.workflow.id))
    assert {(v.path, v.code) for v in error.violations} == {
        ("limits.debounce.key", "UNKNOWN_NAME"),
        ("limits.debounce.for", "REQUIRED"),
        ("limits.rate.limit", "REQUIRED"),
        ("steps.0.input.workflow", "UNKNOWN_WORKFLOW"),
        ("steps.1.input.type", "UNKNOWN_LINK_TYPE"),
        ("steps.1.input.target.kind", "UNKNOWN_OBJECT"),
        ("steps.2.input.sort.0", "UNKNOWN_FIELD"),
        ("steps.2.input.fields", "UNKNOWN_FIELD"),
        ("steps.3.input.match.0", "UNKNOWN_FIELD"),
        ("steps.4.input.fields.score", "WRONG_TYPE"),
        ("steps.4.input.fields.name", "WRONG_TYPE"),
    }


async def test_publishing_names_cases_that_no_run_can_take(tenant: Tenant) -> None:
    def switch(name: str, value: Any, *cases: Any) -> dict[str, Any]:
        told = [{"equals": case, "steps": []} for case in cases]
        return {"id": name, "type": "switch", "value": value, "cases": told}

    made = await tenant.draft(
        {
            "trigger": {"type": "record_updated", "object": "opportunity"},
            "steps": [
                switch("a", "{{ trigger.after.stage }}", "won", "lots", None, "{{ inputs.x }}"),
                switch("b", {"$cel": "trigger.record.fields.stage"}, "wonn", 1),
                switch("c", "{{ trigger.after.stage | upcase }}", "WON", "LOST", "WON"),
                switch("d", "{{ trigger.after.name }}", "any", 1, 2, 1),
                switch("e", "{{ trigger.before.stage }}", {"$cel": "trigger.after.stge"}, "new"),
            ],
        }
    )
    error = await refused(tenant.publish(made.workflow.id))
    assert [(v.path, v.code) for v in error.violations] == [
        ("steps.0.cases.1.equals", "UNKNOWN_OPTION"),
        ("steps.0.cases.3.equals", "UNKNOWN_NAME"),
        ("steps.1.cases.0.equals", "UNKNOWN_OPTION"),
        ("steps.1.cases.1.equals", "WRONG_TYPE"),
        ("steps.2.cases.2.equals", "DUPLICATE"),
        ("steps.3.cases.3.equals", "DUPLICATE"),
        ("steps.4.cases.0.equals", "UNKNOWN_NAME"),
    ]
    told = {v.path: v.message for v in error.violations}
    assert "did you mean 'lost'" in told["steps.0.cases.1.equals"]
    assert "did you mean 'won'" in told["steps.1.cases.0.equals"]


async def test_publishing_names_formulas_whose_results_do_not_fit(tenant: Tenant) -> None:
    def writes(name: str, kind: str, fields: dict[str, str], **more: Any) -> dict[str, Any]:
        told = {field: {"$cel": text} for field, text in fields.items()}
        return {"id": name, "type": kind, "input": {"fields": told, **more}}

    company = {"object": "company"}
    made = await tenant.draft(
        {
            "trigger": {"type": "record_updated", "object": "opportunity"},
            "steps": [
                writes("a", "update_record", {"score": "'1'", "name": "1 + 1", "stage": "true"}),
                writes("b", "update_record", {"amount": "2.5", "company": "[trigger.after.name]"}),
                writes("c", "create_record", {"name": "trigger.after.score > 1.0"}, **company),
                writes("d", "upsert_record", {"score": "string(1)"}, **company, match=["id"]),
                writes("e", "update_record", {"score": "trigger.after.score + 1.5",
                                              "name": "trigger.after.name + '!'",
                                              "stage": "trigger.after.name"}),
                writes("f", "update_record", {"name": "{'a': 1, 'b': trigger.after.name}.b",
                                              "stage": "([1] + trigger.after.name)[1]",
                                              "company": "null"}),
            ],
        }
    )  # fmt: skip
    error = await refused(tenant.publish(made.workflow.id))
    assert [(v.path, v.code) for v in error.violations if v.code == "WRONG_TYPE"] == [
        ("steps.0.input.fields.score", "WRONG_TYPE"),
        ("steps.0.input.fields.name", "WRONG_TYPE"),
        ("steps.0.input.fields.stage", "WRONG_TYPE"),
        ("steps.1.input.fields.amount", "WRONG_TYPE"),
        ("steps.1.input.fields.company", "WRONG_TYPE"),
        ("steps.2.input.fields.name", "WRONG_TYPE"),
        ("steps.3.input.fields.score", "WRONG_TYPE"),
    ]
    assert error.violations[0].message == "score is a number field, and the formula makes a text"
