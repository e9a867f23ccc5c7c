"""Kill the worker at every boundary of the engine: each effect happens once, nothing is lost."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from armature.automation.v1 import workflow_pb2, workflow_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from tests.integration.automation.harness import Platform, Tenant, eventually
from tests.integration.automation.test_settling import (
    ASK,
    allow,
    answer,
    call,
    called,
    failing,
    fan,
    refuse,
    resume,
    titles,
    todo,
)

ROUNDS = 12
STEPS: list[dict[str, Any]] = [
    {"id": "first", "type": "create_todo", "input": {"title": "first"}},
    {"id": "nap", "type": "delay", "input": {"for": 0.2}},
    {
        "id": "each",
        "type": "for_each",
        "items": list(range(ROUNDS)),
        "concurrency": 2,
        "body": [{"id": "one", "type": "create_todo", "input": {"title": "round {{ item }}"}}],
    },
    {"id": "tell", "type": "emit_event", "input": {"event": "custom.told"}},
    {
        "id": "fan",
        "type": "parallel",
        "branches": [
            {"id": "a", "steps": [{"id": "a1", "type": "create_todo", "input": {"title": "a"}}]},
            {"id": "b", "steps": [{"id": "b1", "type": "create_todo", "input": {"title": "b"}}]},
        ],
    },
]
TITLES = Counter(["first", "a", "b", *(f"round {i}" for i in range(ROUNDS))])
# In the order in which one run passes them.
POINTS = [
    "automation.after_claim",
    "automation.before_action",
    "automation.after_action",
    "automation.timer_fire",
    "automation.for_each_index",
    "automation.before_commit",
]
QUICK = {"ARMATURE_RUN_LEASE_SECONDS": "1", "ARMATURE_RUN_HEARTBEAT_SECONDS": "0.25"}


@pytest.mark.chaos
async def test_one_run_survives_a_kill_at_every_point(
    tenant: Tenant, platform: Platform, tmp_path: Path
) -> None:
    workflow = await tenant.workflow(STEPS)
    run = await tenant.start(workflow.id)
    for point in POINTS:
        (tmp_path / point).touch()
        crash = {"ARMATURE_CRASH_DIR": str(tmp_path)}
        async with platform.process("work", **crash, **QUICK) as one:
            await asyncio.wait_for(one.wait(), 30)
            assert one.returncode == -signal.SIGKILL, point
    async with platform.process("work", **QUICK):
        ended = await tenant.until(run.id, seconds=40)
    assert ended.state == "succeeded", ended.error
    done = Counter(e.request.todo.title for e in tenant.effects("CreateTodo"))
    assert done == TITLES
    assert len(await tenant.events("custom.told")) == 1
    assert [s.state for s in ended.steps] == ["succeeded"] * len(ended.steps)
    outcomes = Counter(a.outcome for step in ended.steps for a in step.attempts)
    assert outcomes["succeeded"] == sum(TITLES.values())
    assert outcomes["interrupted"] >= 2


@pytest.mark.chaos
async def test_a_worker_that_dies_while_it_ends_a_run_leaves_nothing_half_done(
    tenant: Tenant, platform: Platform, tmp_path: Path
) -> None:
    inner = await tenant.workflow([todo("in_1"), ASK, todo("in_2")])
    flow = await tenant.workflow([fan(failing("bad"), [call("sub", inner)])])
    refuse(tenant, "bad")
    run = await tenant.start(flow.id)
    async with platform.process("work", **QUICK):
        child = await called(tenant, run, "waiting")
        await tenant.until(run.id, "waiting")
    await answer(tenant, run.id, "before_bad")
    # It stores the attempt, makes it, and dies with the failure and all that it ends uncommitted.
    (tmp_path / "automation.after_action").touch()
    async with platform.process("work", ARMATURE_CRASH_DIR=str(tmp_path), **QUICK) as one:
        await asyncio.wait_for(one.wait(), 30)
        assert one.returncode == -signal.SIGKILL
    assert (await tenant.get(child.id)).state == "waiting"
    async with platform.process("work", **QUICK):
        await tenant.until(run.id, "failed")
        assert (await tenant.get(child.id)).state == "cancelled"
    allow(tenant)
    await resume(tenant, run)
    (tmp_path / "automation.before_commit").touch()
    async with platform.process("work", ARMATURE_CRASH_DIR=str(tmp_path), **QUICK) as one:
        await asyncio.wait_for(one.wait(), 30)
    async with platform.process("work", **QUICK):
        await tenant.until(child.id, "waiting")
        await answer(tenant, child.id)
        assert (await tenant.until(run.id)).state == "succeeded"
    assert sorted(titles(tenant)) == ["bad", "in_1", "in_2"]


@pytest.mark.chaos
async def test_a_schedule_killed_before_its_commit_fires_once(
    tenant: Tenant, platform: Platform, tmp_path: Path
) -> None:
    workflow = await tenant.workflow([STEPS[0]], trigger={"type": "schedule", "cron": "0 0 1 1 *"})
    (tmp_path / "automation.schedule_fire").touch()
    async with platform.process("work", ARMATURE_CRASH_DIR=str(tmp_path), **QUICK) as first:
        async with platform.db.transaction(tenant.workspace_id) as tx:
            sql = "UPDATE schedules SET next_time = now() WHERE workflow_id = %s"
            await tx.run(sql, [UUID(workflow.id)])
        await asyncio.wait_for(first.wait(), 30)
    async with platform.process("work", **QUICK):

        async def ended() -> Any:
            found = await tenant.listed(workflow=workflow.id)
            return found if found and found[0].state == "succeeded" else None

        assert len(await eventually(ended, "it has run")) == 1
    assert len(tenant.effects("CreateTodo")) == 1


async def test_a_thirty_day_wait_outlives_its_workers_and_an_edit(
    tenant: Tenant, platform: Platform
) -> None:
    """Each release is another process, which has never seen the run; between two of them the
    workflow changes. The clock is moved by moving what is due."""
    wait = {"id": "wait", "type": "delay", "input": {"for": "30d"}}
    after = {"id": "after", "type": "create_todo", "input": {"title": "after"}}
    fan = {
        "id": "fan",
        "type": "parallel",
        "branches": [{"id": "a", "steps": [wait, after]}, {"id": "b", "steps": [STEPS[0]]}],
    }
    workflow = await tenant.workflow([fan], inputs=[{"name": "n", "type": "number"}])
    run = await tenant.start(workflow.id, n=1)
    async with platform.process("work", **QUICK):
        await tenant.until(run.id, "waiting")
    update = workflow_service_pb2.UpdateWorkflowRequest(
        workflow=workflow.id,
        changes=workflow_pb2.Workflow(
            steps_json=b'[{"id": "new", "type": "create_todo", "input": {"title": "new"}}]'
        ),
        update_mask=FieldMask(paths=["steps_json"]),
    )
    await tenant.call(tenant.workflows.UpdateWorkflow, update)
    await tenant.publish(workflow.id)
    for number in (2, 3):
        async with platform.process("work", **QUICK):
            fresh = await tenant.until((await tenant.start(workflow.id, n=number)).id)
            assert (fresh.state, fresh.workflow_version) == ("succeeded", 2)
            assert (await tenant.get(run.id)).state == "waiting"
    await tenant.come_due(run.id)
    async with platform.process("work", **QUICK):
        ended = await tenant.until(run.id)
    assert (ended.state, ended.workflow_version, ended.epoch) == ("succeeded", 1, 0)
    done = Counter(e.request.todo.title for e in tenant.effects("CreateTodo"))
    assert done == Counter({"first": 1, "new": 2, "after": 1})
