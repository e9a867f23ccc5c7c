"""Runs fail, wait, go on and are cancelled, and nothing of it is done twice."""

from typing import Any

import pytest
from armature.automation.v1 import run_service_pb2

from kit import ids
from kit.errors import FailedPrecondition, Internal, InvalidArgument, Unavailable
from tests.integration.automation.harness import Tenant, eventually
from tests.integration.automation.rules import TODO, WON

pytestmark = pytest.mark.usefixtures("worker")


async def test_a_template_without_its_value_fails_the_step_at_once(tenant: Tenant) -> None:
    await tenant.create([("create_todo", {"title": "{{ trigger.after.amount.currency }}"}), TODO])
    run = await tenant.finished(await tenant.happen(after=WON))
    assert (run.state, run.steps[0].state, run.steps[1].state) == ("failed", "failed", "pending")
    assert "trigger.after.amount.currency is undefined" in run.error
    assert tenant.effects() == []


async def test_a_refused_action_fails_the_run_at_once_with_a_dead_letter(tenant: Tenant) -> None:
    await tenant.create([("create_todo", {"title": "{{ trigger.after.name }}"})])
    event_id = await tenant.happen(after={"name": "nowhere"})
    run = await tenant.finished(event_id)
    assert run.state == "failed"
    assert "NODE_NOT_FOUND" in run.error
    assert [a.outcome for a in run.steps[0].attempts] == ["failed"]
    [letter] = await tenant.events("dead_letter.created")
    assert (letter["consumer"], letter["event_id"], letter["subject_id"], letter["attempts"]) == (
        "automation-run",
        str(event_id),
        run.id,
        1,
    )
    assert len(await tenant.events("run.failed")) == 1


async def test_a_webhook_is_retried_under_one_id_and_gives_up_on_other_4xx(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    tenant.platform.receiver.answers[path] = [(500, {}), (429, {"Retry-After": "1"}), (202, {})]
    await tenant.create([("send_webhook", {"url": tenant.platform.receiver.url + path})])
    run = await tenant.finished(await tenant.happen(after=WON))
    assert run.state == "succeeded"
    assert [a.outcome for a in run.steps[0].attempts] == ["failed", "failed", "succeeded"]
    hooks = tenant.platform.receiver.at(path)
    assert len({h.headers["webhook-id"] for h in hooks}) == 1
    assert len({h.body for h in hooks}) == 1
    times = [a.start_time.ToMilliseconds() for a in run.steps[0].attempts]
    assert times[2] - times[1] >= 1000
    tenant.platform.receiver.answers[path] = [(404, {})]
    run = await tenant.finished(await tenant.happen(after=WON))
    assert (run.state, len(run.steps[0].attempts)) == ("failed", 1)


async def test_an_error_is_tried_five_times(tenant: Tenant) -> None:
    await tenant.create([TODO])
    tenant.world.refuse = lambda _method, _request: Internal("INTERNAL", "broken")
    run = await tenant.finished(await tenant.happen(after=WON), seconds=40)
    assert run.state == "failed"
    assert [a.outcome for a in run.steps[0].attempts] == ["failed"] * 5


async def test_an_absent_plane_is_waited_for(tenant: Tenant) -> None:
    await tenant.create([TODO])
    left = [12]  # kit.clients tries four times itself

    def refuse(_method: str, _request: Any) -> Unavailable | None:
        left[0] -= 1
        return Unavailable("DATABASE_UNAVAILABLE", "not now") if left[0] >= 0 else None

    tenant.world.refuse = refuse
    run = await tenant.finished(await tenant.happen(after=WON), seconds=40)
    assert run.state == "succeeded"
    assert [a.outcome for a in run.steps[0].attempts] == ["failed"] * 3 + ["succeeded"]


async def test_a_failed_run_is_resumed_from_the_step_that_failed(tenant: Tenant) -> None:
    await tenant.create(
        [TODO, ("create_note", {"title": "{{ steps.create_todo.todo.id }}", "body": "b"})]
    )
    tenant.world.refuse = lambda method, _: (
        InvalidArgument("NOTE_INVALID", "no notes today") if method == "CreateNote" else None
    )
    run = await tenant.finished(await tenant.happen(after=WON))
    assert (run.state, [s.state for s in run.steps]) == ("failed", ["succeeded", "failed"])
    tenant.world.refuse = lambda _method, _request: None
    request = run_service_pb2.ResumeRunRequest(id=run.id, request_id=str(ids.new_id()))
    answer = await tenant.call(tenant.runs.ResumeRun, request)
    assert answer.run.state in ("queued", "running", "succeeded")

    async def done() -> bool:
        return (await tenant.get(run.id)).state == "succeeded"

    await eventually(done, "the resumed run succeeds")
    assert len(tenant.effects("CreateTodo")) == 1
    [note] = tenant.effects("CreateNote")
    assert note.request_id == f"{run.id}/1/1"  # a definite failure: a new key
    assert [a.number for a in (await tenant.get(run.id)).steps[1].attempts] == [1, 2]
    with pytest.raises(FailedPrecondition) as caught:
        await tenant.call(tenant.runs.ResumeRun, run_service_pb2.ResumeRunRequest(id=run.id))
    assert caught.value.reason == "RUN_NOT_FAILED"


async def test_a_failure_that_may_have_had_its_effect_is_resumed_under_the_same_key(
    tenant: Tenant,
) -> None:
    await tenant.create([TODO])

    async def after_the_effect(_method: str, _request: Any) -> None:
        raise Internal("INTERNAL", "it was done, and then the answer broke")

    tenant.world.before_answer = after_the_effect
    tenant.world.refuse = lambda _method, _request: (
        Internal("INTERNAL", "still") if tenant.effects() else None
    )
    run = await tenant.finished(await tenant.happen(after=WON), seconds=40)
    assert run.state == "failed"
    tenant.world.before_answer = None
    tenant.world.refuse = lambda _method, _request: None
    await tenant.call(tenant.runs.ResumeRun, run_service_pb2.ResumeRunRequest(id=run.id))

    async def done() -> bool:
        return (await tenant.get(run.id)).state == "succeeded"

    await eventually(done, "the resumed run succeeds")
    assert len(tenant.effects("CreateTodo")) == 1


async def test_a_waiting_run_is_cancelled_at_once(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    tenant.platform.receiver.answers[path] = [(503, {"Retry-After": "600"})]
    await tenant.create([("send_webhook", {"url": tenant.platform.receiver.url + path}), TODO])
    event_id = await tenant.happen(after=WON)

    async def tried() -> Any:
        runs = await tenant.listed(event_id=str(event_id))
        if not runs:
            return None
        run = await tenant.get(runs[0].id)
        ended = [a for a in run.steps[0].attempts if a.outcome == "failed"]
        return run if ended else None

    run = await eventually(tried, "the first attempt failed")
    answer = await tenant.call(tenant.runs.CancelRun, run_service_pb2.CancelRunRequest(id=run.id))
    assert answer.run.state == "cancelled"
    assert [s.state for s in answer.run.steps] == ["cancelled", "cancelled"]
    assert len(await tenant.events("run.cancelled")) == 1
    with pytest.raises(FailedPrecondition) as caught:
        await tenant.call(tenant.runs.CancelRun, run_service_pb2.CancelRunRequest(id=run.id))
    assert caught.value.reason == "RUN_FINISHED"


async def test_a_run_under_way_is_cancelled_after_its_step(tenant: Tenant) -> None:
    import asyncio

    await tenant.create([TODO, TODO])
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_method: str, _request: Any) -> None:
        begun.set()
        await go_on.wait()

    tenant.world.before_answer = wait
    event_id = await tenant.happen(after=WON)
    await asyncio.wait_for(begun.wait(), 20)
    [run] = await tenant.listed(event_id=str(event_id))
    answer = await tenant.call(tenant.runs.CancelRun, run_service_pb2.CancelRunRequest(id=run.id))
    assert answer.run.state == "running"
    go_on.set()
    ended = await tenant.finished(event_id)
    assert (ended.state, [s.state for s in ended.steps]) == (
        "cancelled",
        ["succeeded", "cancelled"],
    )
    assert len(tenant.effects("CreateTodo")) == 1
