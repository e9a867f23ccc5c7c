"""A run that fails ends what its other branches have called, and goes on with it when resumed."""

import asyncio
from typing import Any

import pytest
from armature.automation.v1 import run_pb2, run_service_pb2

from kit.errors import InvalidArgument
from tests.integration.automation.harness import Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")
ASK = {"id": "ask", "type": "wait_for_input", "input": {"title": "go on?"}}


def todo(name: str) -> dict[str, Any]:
    return {"id": name, "type": "create_todo", "input": {"title": name}}


def call(name: str, workflow: Any) -> dict[str, Any]:
    return {"id": name, "type": "call_workflow", "input": {"workflow": workflow.id}}


def fan(*branches: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    named = [{"id": f"b{n}", "steps": steps} for n, steps in enumerate(branches)]
    return {"id": "fan", "type": "parallel", "branches": named, **more}


def titles(tenant: Tenant) -> list[str]:
    return [one.request.todo.title for one in tenant.effects("CreateTodo")]


def refuse(tenant: Tenant, title: str) -> None:
    """No todo of that title today."""
    tenant.world.refuse = lambda method, request: (
        InvalidArgument("TODO_INVALID", "not today")
        if method == "CreateTodo" and request.todo.title == title
        else None
    )


def allow(tenant: Tenant) -> None:
    tenant.world.refuse = lambda _method, _request: None


async def resume(tenant: Tenant, run: run_pb2.Run) -> None:
    await tenant.call(tenant.runs.ResumeRun, run_service_pb2.ResumeRunRequest(id=run.id))


async def answer(tenant: Tenant, run_id: str, step: str = "ask") -> None:
    request = run_service_pb2.SubmitRunInputRequest(id=run_id, step=step, values_json=b"{}")
    await tenant.call(tenant.runs.SubmitRunInput, request)


async def called(tenant: Tenant, run: run_pb2.Run, state: str) -> run_pb2.Run:
    async def there() -> Any:
        return await tenant.listed(parent_run_id=run.id, state=state)

    [found] = await eventually(there, f"a called run is {state}")
    result: run_pb2.Run = found
    return result


def states(run: run_pb2.Run) -> dict[str, str]:
    return {step.path: step.state for step in run.steps}


# Fails once somebody has said so, when the others stand.
def failing(name: str) -> list[dict[str, Any]]:
    return [{**ASK, "id": f"before_{name}"}, todo(name)]


async def test_what_other_branches_wait_for_ends_and_goes_on_with_the_run(tenant: Tenant) -> None:
    """Every effect once: the called run goes on where it stood, under the keys that it had."""
    inner = await tenant.workflow([todo("in_1"), ASK, todo("in_2")])
    nap = {"id": "nap", "type": "delay", "input": {"for": "9d"}}
    flow = await tenant.workflow(
        [todo("first"), fan(failing("bad"), [call("sub", inner)], [nap]), todo("last")]
    )
    refuse(tenant, "bad")
    run = await tenant.start(flow.id)
    child = await called(tenant, run, "waiting")
    await tenant.until(run.id, "waiting")
    await answer(tenant, run.id, "before_bad")
    failed = await tenant.until(run.id, "failed")
    assert states(failed) == {
        "first": "succeeded",
        "fan": "failed",
        "fan/b0/before_bad": "succeeded",
        "fan/b0/bad": "failed",
        "fan/b1/sub": "cancelled",
        "fan/b2/nap": "cancelled",
    }
    ended = await tenant.get(child.id)
    assert (ended.state, states(ended)["ask"]) == ("cancelled", "cancelled")
    assert f"what called it in the run {run.id} has failed" in [h.text for h in ended.history]
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        assert await tx.value("SELECT count(*) FROM waits") == 0
    assert len(await tenant.events("run.cancelled")) == 1
    allow(tenant)
    await resume(tenant, run)
    await tenant.until(child.id, "waiting")
    await answer(tenant, child.id)
    assert (await tenant.until(child.id)).state == "succeeded"
    await tenant.until(run.id, "succeeded", path="fan/b1/sub")
    await tenant.come_due(run.id)
    done = await tenant.until(run.id)
    assert (done.state, set(states(done).values())) == ("succeeded", {"succeeded"})
    assert sorted(titles(tenant)) == ["bad", "first", "in_1", "in_2", "last"]
    assert len({one.request_id for one in tenant.effects()}) == 5
    assert [one.id for one in await tenant.listed(parent_run_id=run.id)] == [child.id]


@pytest.mark.parametrize("ends", [True, False])
async def test_a_called_run_that_is_at_work_ends_after_its_step(tenant: Tenant, ends: bool) -> None:
    """Unless its caller is resumed before: then it is not ended at all."""
    inner = await tenant.workflow([todo("slow"), todo("after")])
    flow = await tenant.workflow([fan(failing("bad"), [call("sub", inner)])])
    refuse(tenant, "bad")
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def hold(_method: str, request: Any) -> None:
        if request.todo.title == "slow":
            begun.set()
            await let_go.wait()

    tenant.world.before_answer = hold
    run = await tenant.start(flow.id)
    await asyncio.wait_for(begun.wait(), 20)
    await tenant.until(run.id, "waiting")
    await answer(tenant, run.id, "before_bad")
    await tenant.until(run.id, "failed")
    child = await called(tenant, run, "running")
    if ends:
        let_go.set()
        ended = await tenant.until(child.id)
        assert (ended.state, states(ended)) == (
            "cancelled",
            {"slow": "succeeded", "after": "cancelled"},
        )
    allow(tenant)
    await resume(tenant, run)
    let_go.set()
    assert (await tenant.until(run.id)).state == "succeeded"
    assert (await tenant.get(child.id)).state == "succeeded"
    assert sorted(titles(tenant)) == ["after", "bad", "slow"]


async def test_what_had_become_needless_stays_ended_when_the_run_is_resumed(
    tenant: Tenant,
) -> None:
    inner = await tenant.workflow([ASK])
    flow = await tenant.workflow(
        [fan(failing("won"), [call("sub", inner)], join="any"), todo("bad")]
    )
    refuse(tenant, "bad")
    run = await tenant.start(flow.id)
    child = await called(tenant, run, "waiting")
    await answer(tenant, run.id, "before_won")
    failed = await tenant.until(run.id, "failed")
    assert states(failed)["fan/b1/sub"] == "cancelled"
    allow(tenant)
    await resume(tenant, run)
    done = await tenant.until(run.id)
    assert (done.state, states(done)["fan/b1/sub"]) == ("succeeded", "cancelled")
    assert (await tenant.get(child.id)).state == "cancelled"
    assert titles(tenant) == ["won", "bad"]


@pytest.mark.parametrize("kind", ["parallel", "for_each"])
async def test_what_a_failed_step_held_ends_also_where_the_run_goes_on(
    tenant: Tenant, kind: str
) -> None:
    inner = await tenant.workflow([ASK])
    held = fan(failing("bad"), [call("sub", inner)])
    if kind == "for_each":
        chosen = {"id": "if", "type": "if", "when": "item == 1",
                  "then": failing("bad"), "else": [call("sub", inner)]}  # fmt: skip
        held = {"id": "fan", "type": "for_each", "items": [1, 2], "concurrency": 2,
                "body": [chosen]}  # fmt: skip
    flow = await tenant.workflow([{**held, "on_error": "continue"}, todo("on")])
    refuse(tenant, "bad")
    run = await tenant.start(flow.id)
    child = await called(tenant, run, "waiting")
    await tenant.until(run.id, "waiting")
    await answer(tenant, run.id, "before_bad")
    done = await tenant.until(run.id)
    assert (done.state, titles(tenant)) == ("succeeded", ["on"])
    assert "waiting" not in states(done).values()
    assert (await tenant.until(child.id)).state == "cancelled"


@pytest.mark.parametrize("kind", ["act", "call", "parallel"])
async def test_a_failure_that_the_run_went_on_after_is_not_tried_again(
    tenant: Tenant, kind: str
) -> None:
    inner = await tenant.workflow([todo("bad")])
    tried: list[str] = []
    kinds = {"act": todo("bad"), "call": call("bad", inner), "parallel": fan([todo("bad")])}
    flow = await tenant.workflow([{**kinds[kind], "on_error": "continue"}, todo("last")])

    def none(method: str, request: Any) -> InvalidArgument | None:
        tried.append(request.todo.title)
        return InvalidArgument("TODO_INVALID", "not today")

    tenant.world.refuse = none
    run = await tenant.start(flow.id)
    failed = await tenant.until(run.id)
    assert (failed.state, tried) == ("failed", ["bad", "last"])
    allow(tenant)
    await resume(tenant, run)
    done = await tenant.until(run.id)
    assert (done.state, titles(tenant)) == ("succeeded", ["last"])
    assert done.steps[0].state == "failed"


async def test_what_other_branches_have_under_way_ends_with_a_run_that_stops(
    tenant: Tenant,
) -> None:
    inner = await tenant.workflow([todo("in_1"), ASK, todo("in_2")])
    nap = {"id": "nap", "type": "delay", "input": {"for": "9d"}}
    stop = {"id": "check", "type": "if", "when": "true", "then": [{"id": "end", "type": "stop"}]}
    flow = await tenant.workflow(
        [fan([{**ASK, "id": "go"}, stop], [call("sub", inner)], [nap]), todo("never")]
    )
    run = await tenant.start(flow.id)
    child = await called(tenant, run, "waiting")
    await tenant.until(run.id, "waiting", path="fan/b2/nap")
    await answer(tenant, run.id, "go")
    done = await tenant.until(run.id)
    assert done.state == "succeeded"
    assert states(done) == {
        "fan": "succeeded",
        "fan/b0/go": "succeeded",
        "fan/b0/check": "succeeded",
        "fan/b0/check/end": "succeeded",
        "fan/b1/sub": "cancelled",
        "fan/b2/nap": "cancelled",
    }
    ended = await tenant.get(child.id)
    assert ended.state == "cancelled"
    assert f"what called it in the run {run.id} was stopped" in [h.text for h in ended.history]
    assert titles(tenant) == ["in_1"]
