"""Workflows are drafts until published; what is published does what its graph says, once."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from armature.automation.v1 import run_service_pb2, workflow_pb2, workflow_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import clients, ids
from kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ServiceError,
    Unauthenticated,
)
from services.automation.store import flows
from tests.integration.automation.harness import Platform, Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")
PB = workflow_service_pb2
TODO = {"id": "call", "type": "create_todo", "input": {"title": "Call {{ inputs.name }}"}}
NAMED = [{"name": "name", "required": True}]


def todo(name: str, title: str = "") -> dict[str, Any]:
    return {"id": name, "type": "create_todo", "input": {"title": title or name}}


def titles(tenant: Tenant) -> list[str]:
    return [e.request.todo.title for e in tenant.effects("CreateTodo")]


def output(run: Any, path: str) -> Any:
    return json.loads(next(s.output_json for s in run.steps if s.path == path))


async def refused(awaitable: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await awaitable
    return caught.value


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
                {"id": "g", "type": "dellay"},
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


async def test_choices_variables_and_jumps(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "set",
                "type": "set_variables",
                "input": {"values": {"n": {"$cel": "inputs.n * 2"}}},
            },
            {
                "id": "check",
                "type": "if",
                "when": "vars.n > 10",
                "then": [todo("big", "big {{ vars.n }}")],
                "else": [todo("small", "small {{ vars.n }}")],
            },
            {
                "id": "kind",
                "type": "switch",
                "value": "{{ inputs.kind }}",
                "cases": [
                    {"equals": "a", "steps": [todo("is_a")]},
                    {"equals": "b", "steps": [todo("is_b"), {"id": "end_here", "type": "stop"}]},
                ],
                "default": [todo("is_other")],
                "next": "last",
            },
            todo("last", "{{ steps.kind.output.branch }}"),
        ],
        inputs=[{"name": "n", "type": "number"}, {"name": "kind"}],
    )
    run = await tenant.until((await tenant.start(workflow.id, n=7, kind="a")).id)
    assert run.state == "succeeded", run.error
    assert titles(tenant) == ["big 14", "is_a", "0"]
    assert [s.path for s in run.steps] == [
        "set", "check", "check/big", "kind", "kind/is_a", "last"
    ]  # fmt: skip
    run = await tenant.until((await tenant.start(workflow.id, n=1, kind="b")).id)
    assert (run.state, titles(tenant)[3:]) == ("succeeded", ["small 2", "is_b"])


async def test_a_failure_may_be_passed_over(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {**todo("bad", "nowhere"), "on_error": "continue"},
            todo("good", "after: {{ steps.bad.error | slice: 0, 9 }}"),
            {"id": "over", "type": "fail", "input": {"message": "that is all"}},
        ]
    )
    run = await tenant.until((await tenant.start(workflow.id)).id)
    assert (run.state, run.error) == ("failed", "over: that is all")
    assert titles(tenant) == ["after: NOT_FOUND"]
    assert len(await tenant.events("dead_letter.created")) == 1


async def test_a_loop_is_bounded_and_each_round_has_its_own_names(tenant: Tenant) -> None:
    active, most = 0, 0

    async def count(_method: str, _request: Any) -> None:
        nonlocal active, most
        active, most = active + 1, max(most, active + 1)
        await asyncio.sleep(0.02)
        active -= 1

    tenant.world.before_answer = count
    workflow = await tenant.workflow(
        [
            {"id": "find", "type": "find_records", "input": {"object": "company", "limit": 3}},
            {
                "id": "each",
                "type": "for_each",
                "items": {"$cel": "inputs.names"},
                "concurrency": 3,
                "body": [
                    todo("one", "{{ index }}: {{ item }}"),
                    todo("two", "again {{ steps.one.todo.title }}"),
                ],
            },
            todo(
                "end", "{{ steps.each.output.count }} and {{ steps.find.output.first.fields.name }}"
            ),
        ],
        inputs=[{"name": "names", "type": "json"}],
    )
    names = [f"n{i}" for i in range(8)]
    run = await tenant.until((await tenant.start(workflow.id, names=names)).id)
    assert run.state == "succeeded", run.error
    wanted = {f"{i}: n{i}" for i in range(8)} | {f"again {i}: n{i}" for i in range(8)}
    assert sorted(titles(tenant)[:-1]) == sorted(wanted)
    assert titles(tenant)[-1] == "8 and found 0"
    assert 2 <= most <= 3
    assert {e.request_id for e in tenant.effects()} >= {f"{run.id}/0/each/3/two"}
    results = output(run, "each")["results"]
    assert [one["todo"]["title"] for one in results][2] == "again 2: n2"


@pytest.mark.parametrize("join", ["all", "any", 2])
async def test_branches_join(tenant: Tenant, join: Any) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "fan",
                "type": "parallel",
                "join": join,
                "branches": [
                    {"id": "a", "steps": [todo("a1"), todo("a2")]},
                    {"id": "b", "steps": [todo("b1")]},
                    {"id": "c", "steps": [{"id": "c1", "type": "delay", "input": {"for": "30d"}}]},
                ],
            },
            todo("after", "{{ steps.fan.output.branches | join: '+' }}"),
        ]
    )
    run = await tenant.start(workflow.id)
    if join == "all":
        await tenant.until(run.id, "waiting", path="fan/c/c1")
        await tenant.until(run.id, "waiting")
        assert sorted(titles(tenant)) == ["a1", "a2", "b1"]
        await tenant.come_due(run.id)
    ended = await tenant.until(run.id)
    assert ended.state == "succeeded", ended.error
    if join != "all":
        assert {s.path: s.state for s in ended.steps}["fan/c/c1"] == "cancelled"
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        assert await tx.value("SELECT count(*) FROM waits") == 0


async def test_a_wait_has_one_winner(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "paid",
                "type": "wait_for_event",
                "input": {
                    "event": "payment.received",
                    "match": {"data.invoice": "{{ inputs.invoice }}"},
                    "timeout": "3d",
                },
            },
            todo("end", "{{ steps.paid.output.timed_out }} {{ steps.paid.output.event.data.sum }}"),
        ],
        inputs=[{"name": "invoice"}],
    )
    won, late = (
        await tenant.start(workflow.id, invoice="i1"),
        await tenant.start(workflow.id, invoice="i2"),
    )
    for run in (won, late):
        await tenant.until(run.id, "waiting")
    await tenant.announce("payment.received", {"invoice": "other", "sum": 1})
    await tenant.announce("payment.received", {"invoice": "i1", "sum": 5})
    assert (await tenant.until(won.id)).state == "succeeded"
    assert titles(tenant) == ["false 5"]
    await tenant.come_due(late.id)
    ended = await tenant.until(late.id)
    assert ended.state == "failed"  # nothing came: its event has no data to speak of
    assert "timed_out" in json.dumps(output(ended, "paid"))
    await tenant.announce("payment.received", {"invoice": "i2", "sum": 9})
    assert [h.kind for h in ended.history if h.kind == "waiting"] == ["waiting"]


async def test_a_person_answers_in_time_or_others_are_asked(tenant: Tenant) -> None:
    boss, other = (tenant.world.new_key(tenant.workspace_id, "member") for _ in "ab")
    ids_of = {key: tenant.world.keys[key][1] for key in (boss, other)}
    workflow = await tenant.workflow(
        [
            {
                "id": "approve",
                "type": "wait_for_input",
                "input": {
                    "title": "May we?",
                    "assignees": [ids_of[boss]],
                    "form": [{"name": "approved", "type": "boolean", "required": True}],
                    "timeout": "10d",
                    "escalation": [{"after": "2d", "assignees": [ids_of[other]]}],
                },
            },
            {
                "id": "check",
                "type": "if",
                "when": "steps.approve.output.values.approved",
                "then": [todo("yes", "approved by {{ steps.approve.output.by.name }}")],
            },
        ]
    )
    run = await tenant.start(workflow.id)
    await tenant.until(run.id, "waiting")

    def answer(values: Any, key: str, step: str = "approve") -> Any:
        request = run_service_pb2.SubmitRunInputRequest(
            id=run.id, step=step, values_json=json.dumps(values).encode()
        )
        return tenant.call(tenant.runs.SubmitRunInput, request, key)

    assert (await refused(answer({"approved": True}, other))).reason == "INPUT_NOT_ASSIGNED"
    wrong = await refused(answer({"aproved": "yes"}, boss))
    assert {v.path for v in wrong.violations} == {"values.aproved", "values.approved"}
    assert isinstance(await refused(answer({}, boss, "nothing")), NotFound)
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run("UPDATE waits SET due_time = now() WHERE kind = 'escalation'")

    async def escalated() -> Any:
        return await tenant.events("run.escalated")

    [event] = await eventually(escalated, "it is escalated")
    assert event["assignees"] == [ids_of[other]]
    await answer({"approved": True}, other)
    ended = await tenant.until(run.id)
    assert ended.state == "succeeded", ended.error
    assert titles(tenant) == ["approved by Key member"]
    assert isinstance(await refused(answer({"approved": True}, boss)), FailedPrecondition)
    assert {"waiting", "escalated", "answered"} <= {h.kind for h in ended.history}


async def test_a_workflow_calls_another_and_gets_its_answer(tenant: Tenant) -> None:
    inner = await tenant.workflow(
        [
            todo("work", "inner {{ inputs.who }}"),
            {"id": "rest", "type": "delay", "input": {"for": 0}},
        ],
        inputs=[{"name": "who"}],
        name=f"inner {ids.new_id()}",
    )
    outer = await tenant.workflow(
        [
            {
                "id": "sub",
                "type": "call_workflow",
                "input": {"workflow": inner.name, "inputs": {"who": "Ada"}},
            },
            todo("end", "{{ steps.sub.output.output.work.todo.title }}"),
        ]
    )
    run = await tenant.until((await tenant.start(outer.id)).id)
    assert run.state == "succeeded", run.error
    assert titles(tenant) == ["inner Ada", "inner Ada"]
    [child] = await tenant.listed(parent_run_id=run.id)
    assert (child.state, child.workflow_name) == ("succeeded", inner.name)


async def test_cancelling_reaches_everything_that_waits(tenant: Tenant) -> None:
    inner = await tenant.workflow([{"id": "z", "type": "delay", "input": {"for": "9d"}}])
    each = {
        "id": "each",
        "type": "for_each",
        "items": [1, 2],
        "concurrency": 2,
        "body": [{"id": "nap", "type": "delay", "input": {"for": "9d"}}],
    }
    call = {"id": "sub", "type": "call_workflow", "input": {"workflow": inner.id}}
    outer = await tenant.workflow(
        [
            {
                "id": "fan",
                "type": "parallel",
                "branches": [{"id": "a", "steps": [each]}, {"id": "b", "steps": [call]}],
            }
        ]
    )
    run = await tenant.start(outer.id)
    await tenant.until(run.id, "waiting")

    async def called() -> Any:
        return await tenant.listed(parent_run_id=run.id, state="waiting")

    [child] = await eventually(called, "the called run waits")
    await tenant.call(tenant.runs.CancelRun, run_service_pb2.CancelRunRequest(id=run.id))
    ended = await tenant.until(run.id)
    assert ended.state == "cancelled"
    assert {s.state for s in ended.steps} == {"cancelled"}
    assert (await tenant.until(child.id)).state == "cancelled"
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        assert await tx.value("SELECT count(*) FROM waits") == 0


async def test_a_run_is_resumed_from_a_step_and_restarted(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [todo("a"), todo("b"), todo("c", "{{ inputs.x }}"), todo("d")], inputs=[{"name": "x"}]
    )
    tenant.world.refuse = lambda m, r: (
        InvalidArgument("X", "no") if m == "CreateTodo" and r.todo.title == "d" else None
    )
    run = await tenant.until((await tenant.start(workflow.id, x="c")).id)
    assert run.state == "failed"
    tenant.world.refuse = lambda _m, _r: None
    resume = run_service_pb2.ResumeRunRequest(id=run.id, from_step="b")
    await tenant.call(tenant.runs.ResumeRun, resume)
    run = await tenant.until(run.id)
    assert (run.state, titles(tenant)) == ("succeeded", ["a", "b", "c", "b", "c", "d"])
    restart = run_service_pb2.RestartRunRequest(id=run.id)
    await tenant.call(tenant.runs.RestartRun, restart)
    run = await tenant.until(run.id)
    assert (run.state, titles(tenant)[6:]) == ("succeeded", ["a", "b", "c", "d"])
    assert len({e.request_id for e in tenant.effects()}) == 10
    assert [h.kind for h in run.history if h.kind.startswith("res")] == ["restarted", "resumed"]


async def test_what_is_resumed_goes_on_with_what_it_has_called(tenant: Tenant) -> None:
    """In a branch, in a round of a loop: the called run that failed is what is tried again."""
    child = await tenant.workflow(
        [todo("one"), {"id": "n", "type": "create_note", "input": {"title": "n", "body": "b"}}]
    )
    napping = await tenant.workflow([{"id": "z", "type": "delay", "input": {"for": "9d"}}])

    def calls(name: str, workflow: str) -> dict[str, Any]:
        return {"id": name, "type": "call_workflow", "input": {"workflow": workflow}}

    fan = {
        "id": "fan",
        "type": "parallel",
        "branches": [
            {"id": "a", "steps": [calls("first", child.id)]},
            {"id": "b", "steps": [calls("second", napping.id)]},
        ],
    }
    parent = await tenant.workflow(
        [{"id": "each", "type": "for_each", "items": {"$cel": "[1]"}, "body": [fan]}, todo("end")]
    )
    tenant.world.refuse = lambda method, _: (
        InvalidArgument("NOTE_INVALID", "no notes today") if method == "CreateNote" else None
    )
    run = await tenant.start(parent.id)
    failed = await tenant.until(run.id, "failed")
    assert "no notes today" in failed.error
    tenant.world.refuse = lambda _method, _request: None
    called = {one.workflow_id: one for one in await tenant.listed(parent_run_id=run.id)}
    # What another branch has called ends with the run, if it had begun by then.
    ended = [one for one in called.values() if one.workflow_id == napping.id]
    assert [one.state for one in ended] in ([], ["cancelled"])

    resume = run_service_pb2.ResumeRunRequest(id=run.id)
    await tenant.call(tenant.runs.ResumeRun, resume)
    await tenant.until(called[child.id].id, "succeeded")
    await tenant.until(run.id, "succeeded", path="each/0/fan/a/first")

    async def napping_again() -> Any:
        found = await tenant.listed(parent_run_id=run.id, state="waiting")
        return found if [one.workflow_id for one in found] == [napping.id] else []

    [nap] = await eventually(napping_again, "the other branch's call waits")
    await tenant.come_due(nap.id)
    assert (await tenant.until(run.id)).state == "succeeded"
    assert titles(tenant) == ["one", "end"], "no step of either has happened twice"
    assert len(await tenant.listed(parent_run_id=run.id)) == 2


async def test_what_is_begun_again_ends_what_it_had_called(tenant: Tenant) -> None:
    napping = await tenant.workflow([{"id": "z", "type": "delay", "input": {"for": "9d"}}])
    branches = [
        {"id": "a", "steps": [todo("bad", "nowhere")]},
        {"id": "b", "steps": [{"id": "call", "type": "call_workflow",
                               "input": {"workflow": napping.id}}]},
    ]  # fmt: skip
    fan = {"id": "fan", "type": "parallel", "join": "all", "branches": branches}
    parent = await tenant.workflow([fan])
    run = await tenant.start(parent.id)
    await tenant.until(run.id, "failed")

    async def unfinished() -> list[str]:
        found = await tenant.listed(parent_run_id=run.id)
        return [one.id for one in found if one.state in ("queued", "running", "waiting")]

    async def one_more() -> Any:
        found = {one.id for one in await tenant.listed(parent_run_id=run.id)}
        return found - seen

    seen = {one.id for one in await tenant.listed(parent_run_id=run.id)}
    for again in (
        lambda: tenant.runs.ResumeRun(
            run_service_pb2.ResumeRunRequest(id=run.id, from_step="fan"),
            metadata=clients.metadata(tenant.key),
        ),
        lambda: tenant.runs.RestartRun(
            run_service_pb2.RestartRunRequest(id=run.id), metadata=clients.metadata(tenant.key)
        ),
    ):
        await again()
        seen.update(await eventually(one_more, "another call was made"))
        await tenant.until(run.id, "failed")
        assert not await unfinished(), "what it had called has ended with it"


async def test_a_thirty_day_wait_survives_an_edit(tenant: Tenant, platform: Platform) -> None:
    """It ends on the version it began with, and by another process than began it."""
    workflow = await tenant.workflow(
        [
            todo("before"),
            {"id": "wait", "type": "delay", "input": {"for": "30d"}},
            todo("after", "old"),
        ]
    )
    run = await tenant.start(workflow.id)
    waiting = await tenant.until(run.id, "waiting")
    assert waiting.workflow_version == 1
    async with platform.db.transaction(tenant.workspace_id) as tx:
        due = await tx.value("SELECT due_time - now() FROM waits WHERE outcome = ''")
    assert 29.9 < due.total_seconds() / 86_400 <= 30
    update = PB.UpdateWorkflowRequest(
        workflow=workflow.id,
        changes=workflow_pb2.Workflow(steps_json=json.dumps([todo("new")]).encode()),
        update_mask=FieldMask(paths=["steps_json"]),
        request_id=str(ids.new_id()),
    )
    await tenant.call(tenant.workflows.UpdateWorkflow, update)
    await tenant.publish(workflow.id)
    await tenant.come_due(run.id)
    ended = await tenant.until(run.id)
    assert (ended.state, ended.workflow_version) == ("succeeded", 1)
    assert titles(tenant) == ["before", "old"]
    fresh = await tenant.until((await tenant.start(workflow.id)).id)
    assert (fresh.workflow_version, titles(tenant)[2:]) == (2, ["new"])


async def test_events_of_every_kind_start_workflows(tenant: Tenant) -> None:
    def starts(kind: str, title: str, **more: Any) -> Any:
        return tenant.workflow(
            [todo("t", title)], trigger={"type": kind, **more.pop("of", {})}, **more
        )

    won = {"object": "opportunity", "changes": {"stage": {"from": "new", "to": "won"}}}
    await starts("record_updated", "won {{ trigger.after.name }}", of=won)
    await starts("record_undeleted", "back", of={"object": "opportunity"})
    await starts("link_created", "linked {{ trigger.event.data.type }}")
    await starts("note_added", "note {{ trigger.event.data.title }}", when="event.data.pinned")
    await starts("event", "custom {{ event.data.x }}", of={"event": "custom.thing"})
    after = {"name": "A", "stage": "won"}
    await tenant.happen("updated", after, {"stage": "lost"})
    await tenant.happen("updated", after, {"stage": "new"})
    await tenant.happen("undeleted", after)
    await tenant.announce("link.created", {"type": "near", "type_id": "x"}, plane="links")
    await tenant.announce("note.created", {"title": "no", "pinned": False})
    await tenant.announce("note.created", {"title": "yes", "pinned": True})
    await tenant.announce("custom.thing", {"x": 7}, plane="automation")
    wanted = ["back", "custom 7", "linked near", "note yes", "won A"]

    async def all_there() -> bool:
        return sorted(titles(tenant)) == wanted

    await eventually(all_there, f"{wanted}, and not {titles(tenant)}")


async def test_the_end_of_one_starts_another(tenant: Tenant) -> None:
    first = await tenant.workflow([{"id": "over", "type": "fail", "input": {"message": "so"}}])
    await tenant.workflow(
        [todo("t", "{{ event.data.workflow_name }}: {{ event.data.error }}")],
        trigger={"type": "workflow", "workflow": first.id, "on": "failed"},
    )
    await tenant.start(first.id)

    async def told() -> bool:
        return titles(tenant) == [f"{first.name}: over: so"]

    await eventually(told, "the other has run")


async def test_a_paused_workflow_leaves_skipped_runs(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [todo("t")], trigger={"type": "record_created", "object": "opportunity"}
    )
    pause = PB.PauseWorkflowRequest(workflow=workflow.id, reason="the mail is down")
    await tenant.call(tenant.workflows.PauseWorkflow, pause)
    skipped = await tenant.finished(await tenant.happen(after={"name": "a"}))
    assert skipped.state == "skipped"
    assert "the mail is down" in skipped.error
    assert (await refused(tenant.start(workflow.id))).reason == "WORKFLOW_PAUSED"
    await tenant.call(
        tenant.workflows.EnableWorkflow, PB.EnableWorkflowRequest(workflow=workflow.id)
    )
    assert (await tenant.finished(await tenant.happen(after={"name": "b"}))).state == "succeeded"
    history = await tenant.call(
        tenant.workflows.ListWorkflowHistory, PB.ListWorkflowHistoryRequest(workflow=workflow.id)
    )
    kinds = [entry.kind for entry in history.entries]
    assert kinds == ["enabled", "paused", "published", "created"]


async def test_limits_delay_and_the_last_of_a_burst_counts(tenant: Tenant) -> None:
    one_at_a_time = await tenant.workflow(
        [{"id": "z", "type": "delay", "input": {"for": "9d"}}], limits={"concurrency": 1}
    )
    first = await tenant.start(one_at_a_time.id)
    await tenant.until(first.id, "waiting")
    second = await tenant.start(one_at_a_time.id)
    assert (await tenant.get(second.id)).state == "queued"
    await tenant.call(tenant.runs.CancelRun, run_service_pb2.CancelRunRequest(id=first.id))
    await tenant.until(second.id, "waiting")
    burst = await tenant.workflow(
        [todo("t", "{{ inputs.n }}")],
        inputs=[{"name": "n", "type": "number"}, {"name": "key"}],
        limits={"debounce": {"key": "{{ inputs.key }}", "for": 1}},
    )
    runs = [await tenant.start(burst.id, n=n, key="k") for n in range(3)]
    other = await tenant.start(burst.id, n=9, key="other")
    assert (await tenant.until(runs[2].id)).state == "succeeded"
    assert (await tenant.until(other.id)).state == "succeeded"
    assert sorted(titles(tenant)) == ["2", "9"]
    assert [(await tenant.get(run.id)).state for run in runs[:2]] == ["skipped", "skipped"]


async def test_a_url_of_its_own_starts_a_workflow_once_for_each_id(
    tenant: Tenant, address: str
) -> None:
    made = await tenant.draft(
        {
            "trigger": {"type": "webhook"},
            "steps": [todo("t", "hook {{ inputs.name }}")],
            "inputs": NAMED,
        }
    )
    await tenant.publish(made.workflow.id)
    token = made.hook_url.rpartition("/")[2]
    request = PB.ReceiveHookRequest(body=b'{"name": "x"}', webhook_id="m1", request_id="r")
    call = tenant.workflows.ReceiveHook
    runs = {
        (await clients.call(call, request, clients.metadata(f"hook_{token}"))).run_id
        for _ in range(2)
    }
    [run_id] = runs
    assert (await tenant.until(run_id)).state == "succeeded"
    assert titles(tenant) == ["hook x"]
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        answers = await tx.all("SELECT response FROM idempotency_keys")
    kept = b"".join(bytes(row["response"]) for row in answers)
    assert token.encode() not in kept
    assert b"whsec_" not in kept
    for bad in (token[:-1] + "x", "x.y.z", token.replace(tenant.workspace_id.hex, UUID(int=1).hex)):
        error = await refused(clients.call(call, request, clients.metadata(f"hook_{bad}")))
        assert isinstance(error, Unauthenticated)
    assert isinstance(await refused(tenant.call(call, request)), PermissionDenied)


async def test_a_url_that_is_called_without_end_pauses_its_workflow(tenant: Tenant) -> None:
    made = await tenant.draft({"trigger": {"type": "webhook"}, "steps": [todo("t")]})
    await tenant.publish(made.workflow.id)
    headers = clients.metadata(f"hook_{made.hook_url.rpartition('/')[2]}")

    async def call() -> str:
        request = PB.ReceiveHookRequest(body=b"{}")
        answer = await clients.call(tenant.workflows.ReceiveHook, request, headers)
        return str(answer.run_id)

    async def paused() -> bool:  # also where a minute turns meanwhile
        error = None
        for _ in range(40):
            try:
                await call()
            except FailedPrecondition as exc:
                error = exc.reason
        return error == "WORKFLOW_PAUSED"

    await eventually(paused, "it is paused")
    request = PB.GetWorkflowRequest(workflow=made.workflow.id)
    found = (await tenant.call(tenant.workflows.GetWorkflow, request)).workflow
    assert "within a minute" in found.state_reason
    blocked = await tenant.listed(state="blocked")
    assert blocked
    assert "paused" in blocked[0].error


async def test_of_a_first_burst_everywhere_at_once_one_stands(
    tenant: Tenant, platform: Platform
) -> None:
    """Whoever comes to a key that nobody has yet finds who came just before."""
    workflow, runs = ids.new_id(), [ids.new_id() for _ in range(6)]

    async def come(run_id: UUID) -> UUID | None:
        async with platform.db.transaction(tenant.workspace_id) as tx:
            return await flows.take_place(tx, tenant.workspace_id, workflow, "k", run_id)

    found = await asyncio.gather(*(come(one) for one in runs))
    assert found.count(None) == 1
    assert len(set(found)) == len(runs), "each has taken the place of another"


async def test_what_it_would_do_is_told_and_not_done(tenant: Tenant) -> None:
    made = await tenant.draft(
        {
            "trigger": {"type": "manual", "object": "opportunity"},
            "inputs": NAMED,
            "steps": [
                {"id": "new", "type": "create_record",
                 "input": {"object": "company", "fields": {"name": "{{ trigger.after.name }}"}}},
                {"id": "check", "type": "if", "when": "inputs.name == 'Ada'",
                 "then": [todo("t", "for {{ inputs.name }}")]},
                todo("late", "{{ steps.new.record.id }}"),
            ],
        }
    )  # fmt: skip
    record = str(ids.new_id())
    request = PB.CheckWorkflowRequest(
        workflow=made.workflow.id, record_id=record, inputs_json=b'{"name": "Ada"}'
    )
    answer = await tenant.call(tenant.workflows.CheckWorkflow, request)
    assert answer.starts
    shown = [(one.path, one.outcome) for one in answer.effects]
    assert shown == [
        ("new", "done"), ("check", "decided"), ("check/t", "done"), ("late", "unknown")
    ]  # fmt: skip
    assert json.loads(answer.effects[0].input_json)["fields"] == {"name": f"Record {record[-4:]}"}
    assert not tenant.effects()


async def test_a_run_can_be_watched_to_its_end(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [todo("a"), {"id": "z", "type": "delay", "input": {"for": 0.5}}, todo("b")]
    )
    run = await tenant.start(workflow.id)
    headers = clients.metadata(tenant.key)
    stream: Any = tenant.runs.WatchRun(run_service_pb2.WatchRunRequest(id=run.id), metadata=headers)
    states = [response.run.state async for response in stream]
    assert states[-1] == "succeeded"
    assert "waiting" in states
