"""Whatever is killed or stopped, each event has its run and each step its effect, once."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from armature.automation.v1 import run_service_pb2

from tests.integration.automation.harness import Platform, Tenant, eventually

SHORT = {"ARMATURE_RUN_LEASE_SECONDS": "3", "ARMATURE_RUN_HEARTBEAT_SECONDS": "0.8"}
ACTIONS = [
    ("create_todo", {"title": "Call {{ trigger.after.name }}"}),
    ("create_note", {"title": "{{ steps.create_todo.todo.id }}", "body": "b"}),
]
POINTS = [
    "automation.after_claim",
    "automation.before_action",
    "automation.after_action",
    "automation.before_commit",
    "automation-trigger.before_commit",
    "automation-trigger.before_ack",
]
BURST = 200


async def all_runs(tenant: Tenant) -> list[Any]:
    found: list[Any] = []
    token = ""
    while True:
        request = run_service_pb2.ListRunsRequest(page_size=1000, page_token=token)
        page = await tenant.call(tenant.runs.ListRuns, request)
        found += page.runs
        if not (token := page.next_page_token):
            return found


async def count(tenant: Tenant, state: str) -> int:
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        sql = "SELECT count(*) FROM runs WHERE workspace_id = %s AND state = %s"
        return int(await tx.value(sql, [tenant.workspace_id, state]))


async def interruptions(tenant: Tenant) -> int:
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        sql = "SELECT count(*) FROM attempts WHERE workspace_id = %s AND outcome = 'interrupted'"
        return int(await tx.value(sql, [tenant.workspace_id]))


def assert_each_effect_once(tenant: Tenant, events: int) -> None:
    names = Counter(e.request.todo.title for e in tenant.effects("CreateTodo"))
    assert len(names) == events
    assert set(names.values()) == {1}
    assert len(tenant.effects("CreateNote")) == events
    assert len({e.request_id for e in tenant.effects()}) == 2 * events


async def all_succeeded(tenant: Tenant, number: int, seconds: float = 90) -> None:
    async def done() -> bool:
        return await count(tenant, "succeeded") == number

    await eventually(done, f"{number} runs succeeded", seconds)
    assert len(await all_runs(tenant)) == number


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_worker_loses_and_repeats_nothing(
    tenant: Tenant, platform: Platform, point: str, tmp_path: Path
) -> None:
    await tenant.create(ACTIONS)
    async with platform.process("work", ARMATURE_CRASH_DIR=str(tmp_path), **SHORT) as first:
        for number in range(BURST // 2):
            await tenant.happen(after={"name": str(number)})

        async def begun() -> bool:
            return await count(tenant, "succeeded") >= 10

        await eventually(begun, "the first runs succeeded", 60)
        (tmp_path / point).touch()
        for number in range(BURST // 2, BURST):
            await tenant.happen(after={"name": str(number)})
        await asyncio.wait_for(first.wait(), 60)
        assert first.returncode == -signal.SIGKILL
    async with platform.process("work", **SHORT):
        await all_succeeded(tenant, BURST)
    assert_each_effect_once(tenant, BURST)
    if point in POINTS[1:3]:
        assert await interruptions(tenant) >= 1
    async with platform.worker_db.across_workspaces() as tx:
        assert await tx.value("SELECT count(*) FROM run_queue") == 0


@pytest.mark.chaos
async def test_workers_killed_again_and_again(tenant: Tenant, platform: Platform) -> None:
    await tenant.create(ACTIONS)
    publishing = asyncio.create_task(_publish(tenant, BURST))
    for pause in (1.6, 1.9, 2.3):
        async with platform.process("work", **SHORT) as one, platform.process("work", **SHORT):
            await asyncio.wait([asyncio.create_task(one.wait())], timeout=pause)
            one.kill()
    await publishing
    async with platform.process("work", **SHORT):
        await all_succeeded(tenant, BURST)
    assert_each_effect_once(tenant, BURST)


async def _publish(tenant: Tenant, number: int) -> None:
    for one in range(number):
        await tenant.happen(after={"name": str(one)})


async def test_two_workers_share_the_work(tenant: Tenant, platform: Platform) -> None:
    await tenant.create(ACTIONS)
    async with platform.process("work", **SHORT), platform.process("work", **SHORT):
        await _publish(tenant, 150)
        await all_succeeded(tenant, 150)
    assert_each_effect_once(tenant, 150)


async def test_a_stopped_worker_wakes_up_and_commits_nothing(
    tenant: Tenant, platform: Platform
) -> None:
    await tenant.create(ACTIONS)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_method: str, _request: Any) -> None:
        begun.set()
        await go_on.wait()

    tenant.world.before_answer = wait
    async with platform.process("work", **SHORT) as first:
        event_id = await tenant.happen(after={"name": "one"})
        await asyncio.wait_for(begun.wait(), 30)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        tenant.world.before_answer = None
        try:
            async with platform.process("work", **SHORT):
                run = await tenant.finished(event_id)
                assert run.state == "succeeded"
                go_on.set()
                os.kill(first.pid, signal.SIGCONT)
                # Leaving, the first one waits for its work: then it has been past its commit.
                other = await tenant.happen(after={"name": "two"})
                await tenant.finished(other)
                first.terminate()
                await first.wait()
        finally:
            if first.returncode is None:
                os.kill(first.pid, signal.SIGCONT)
    again = await tenant.get(run.id)
    assert again == run
    assert [a.outcome for a in again.steps[0].attempts] == ["interrupted", "succeeded"]
    assert_each_effect_once(tenant, 2)
    assert len(await tenant.events("run.succeeded")) == 2


async def test_a_stale_token_commits_nothing(tenant: Tenant, platform: Platform) -> None:
    """The same by hand: a claim that another took over settles into nothing."""
    from services.automation.model import RunState
    from services.automation.operations import execution, journal
    from services.automation.operations.journal import Change, Then, Verdict
    from services.automation.store import queue

    await tenant.create(ACTIONS)
    async with platform.process("work", **SHORT, ARMATURE_RUN_CONCURRENCY="0"):
        event_id = await tenant.happen(after={"name": "one"})

        async def queued() -> Any:
            return await tenant.listed(event_id=str(event_id))

        [run] = await eventually(queued, "the run is queued")

    async def claim() -> Any:
        async with platform.worker_db.across_workspaces() as tx:
            found = await queue.claim_across_workspaces(
                tx, UUID(int=0), share=10, limit=10, owner="me", lease=0, room=10, rooms={}
            )
        return next(one for one in found if str(one.run_id) == run.id)

    stale = await claim()
    fresh = await claim()
    assert fresh.token > stale.token
    change = Change(stale, run=journal.finished(stale.run_id, RunState.SUCCEEDED, "", "", ""))
    change.then = Then.FINISH
    async with platform.db.transaction(tenant.workspace_id) as tx:
        jobs, _ = await execution.load(tx, tenant.workspace_id, [stale], {})
        assert jobs == []
        assert await journal.apply(tx, tenant.workspace_id, [change]) == [Verdict.LOST]
    assert [s.state for s in (await tenant.get(run.id)).steps] == ["pending", "pending"]
    async with platform.process("work", **SHORT):
        ended = await tenant.finished(event_id)
    assert [a.outcome for a in ended.steps[0].attempts] == ["succeeded"]


async def test_a_busy_workspace_does_not_hold_up_another(
    tenant: Tenant, platform: Platform, address: str
) -> None:
    """Thousands of queued runs of one, and the other's first run still begins at once."""
    await tenant.create(ACTIONS)
    other = platform.tenant(address)
    await other.create(ACTIONS)
    async with platform.process(
        "work", **SHORT, ARMATURE_RUN_CONCURRENCY="0", ARMATURE_RULE_TRIGGERS_PER_MINUTE="100000"
    ):
        await _publish(tenant, 1000)

        async def queued() -> bool:
            return await count(tenant, "queued") == 1000

        await eventually(queued, "everything is queued", 60)
    async with platform.process("work", **SHORT):
        event_id = await other.happen(after={"name": "mine"})
        run = await other.finished(event_id, seconds=60)
        assert run.state == "succeeded"
        assert await count(tenant, "queued") > 300
        waited = run.start_time.ToMilliseconds() - run.create_time.ToMilliseconds()
        assert waited < 1000
        await all_succeeded(tenant, 1000, 120)
    await other.channel.close()
