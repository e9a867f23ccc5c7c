"""Runs of workflows call others, and are cancelled, resumed and begun again as a whole."""

import json
from typing import Any

import pytest
from armature.automation.v1 import run_service_pb2, workflow_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import clients, ids
from kit.errors import (
    InvalidArgument,
)
from tests.integration.automation.flows import PB, titles, todo
from tests.integration.automation.harness import Platform, Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")


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
