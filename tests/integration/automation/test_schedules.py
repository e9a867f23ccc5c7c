"""Schedules fire each time once; runs are limited, forgotten in time, and can't go round."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from armature.automation.v1 import workflow_service_pb2 as pb

from kit import ids
from kit.caller import Cause
from services.automation.operations import schedules as operation
from services.automation.workers.retention import Retention
from tests.integration.automation.harness import Platform, Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")
YEARLY = {"type": "schedule", "cron": "0 0 1 1 *", "time_zone": "Europe/Berlin"}
NAP = {"id": "nap", "type": "delay", "input": {"for": "9d"}}
TODO = {"id": "t", "type": "create_todo", "input": {"title": "{{ trigger.event.occurred_at }}"}}


async def move(tenant: Tenant, workflow: str, seconds: float) -> None:
    """Have the schedule be due that long ago."""
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(
            "UPDATE schedules SET next_time = now() - make_interval(secs => %s)"
            " WHERE workspace_id = %s AND workflow_id = %s",
            [seconds, tenant.workspace_id, UUID(workflow)],
        )


async def fires(tenant: Tenant, workflow: str, count: int) -> list[Any]:
    async def there() -> list[Any]:
        request = pb.ListScheduleFiresRequest(workflow=workflow)
        found = list((await tenant.call(tenant.workflows.ListScheduleFires, request)).fires)
        return found if len(found) >= count else []

    found: list[Any] = await eventually(there, f"{count} fires")
    return found


async def test_a_time_fires_once_whoever_looks(tenant: Tenant, platform: Platform) -> None:
    workflow = await tenant.workflow([TODO], trigger=YEARLY)
    listed = await tenant.call(
        tenant.workflows.ListScheduleFires, pb.ListScheduleFiresRequest(workflow=workflow.id)
    )
    assert listed.next_fire_time.ToDatetime().month in (1, 12)

    async def fire() -> int:
        async with platform.db.transaction(tenant.workspace_id) as tx:
            return await operation.fire(tx, tenant.workspace_id, UUID(workflow.id), "UTC")

    await move(tenant, workflow.id, 0.0)
    await asyncio.gather(*(fire() for _ in range(8)))
    [one] = await fires(tenant, workflow.id, 1)
    run = await tenant.until(one.run_id)
    assert (run.state, run.event_type, one.outcome) == ("succeeded", "schedule.fired", "started")
    # The same time again, as after a crash right before the commit: it has fired.
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(
            "UPDATE schedules AS s SET next_time = f.fire_time FROM schedule_fires AS f"
            " WHERE s.workflow_id = f.workflow_id AND s.workflow_id = %s",
            [UUID(workflow.id)],
        )
    assert await fire() == 0
    assert len(tenant.effects("CreateTodo")) == 1


@pytest.mark.parametrize(
    ("overlap", "second"), [("skip", "skipped"), ("queue", "queued"), ("replace", "replaced")]
)
async def test_a_run_that_is_still_under_way(tenant: Tenant, overlap: str, second: str) -> None:
    workflow = await tenant.workflow([NAP], trigger={**YEARLY, "overlap": overlap})
    await move(tenant, workflow.id, 0.0)
    [first] = await fires(tenant, workflow.id, 1)
    await tenant.until(first.run_id, "waiting")
    await move(tenant, workflow.id, 0.0)
    newest, _ = await fires(tenant, workflow.id, 2)
    assert newest.outcome == second
    if overlap == "skip":
        assert newest.run_id == ""
    elif overlap == "queue":
        assert (await tenant.get(newest.run_id)).state == "queued"
    else:
        await tenant.until(first.run_id, "cancelled")
        await tenant.until(newest.run_id, "waiting")


async def test_a_schedule_whose_formula_does_not_hold_skips(tenant: Tenant) -> None:
    workflow = await tenant.workflow([NAP], trigger={**YEARLY, "overlap": "replace"}, when="false")
    await move(tenant, workflow.id, 0.0)
    [one] = await fires(tenant, workflow.id, 1)
    run = await tenant.get(one.run_id)
    assert (one.outcome, run.state) == ("skipped", "skipped")
    assert run.error == "the condition does not hold"


async def test_what_nobody_was_there_for(tenant: Tenant) -> None:
    trigger = {"type": "schedule", "interval": "1h", "misfire": "all", "misfire_cap": 2}
    workflow = await tenant.workflow([TODO], trigger={**trigger, "overlap": "queue"})
    await move(tenant, workflow.id, 5 * 3600 + 120)
    found = await fires(tenant, workflow.id, 6)
    outcomes = [one.outcome for one in found]
    assert outcomes.count("missed") == 4
    assert len(outcomes) == 6


async def test_ten_thousand_steps_are_the_end_and_a_pause(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "outer",
                "type": "for_each",
                "items": {"$cel": "inputs.items"},
                "body": [
                    {"id": "s", "type": "set_variables", "input": {"values": {"n": "{{ index }}"}}}
                ],
            }
        ],
        inputs=[{"name": "items", "type": "json"}],
    )  # fmt: skip
    run = await tenant.until((await tenant.start(workflow.id, items=[0] * 10_000)).id, seconds=40)
    assert run.state == "failed"
    assert "more than 10000 steps" in run.error
    answer = await tenant.call(
        tenant.workflows.GetWorkflow, pb.GetWorkflowRequest(workflow=workflow.id)
    )
    assert answer.workflow.state == "paused"
    assert "10000" in answer.workflow.state_reason
    assert len(await tenant.events("workflow.paused")) == 1


async def test_two_that_start_each_other_are_paused_and_both_say_why(tenant: Tenant) -> None:
    """The neighbours announce what actions do, as the records plane would."""
    other = {"opportunity": "company", "company": "opportunity"}

    async def echo(caller: Any, request: Any) -> None:
        cause: Cause = caller.cause
        await tenant.happen(
            "updated",
            {"name": "n"},
            {"name": "o"},
            obj=request.object,
            record_id=UUID(request.id),
            cause=cause,
        )

    tenant.world.on_update = echo
    record = {name: ids.new_id() for name in other}
    made = [
        await tenant.workflow(
            [{"id": "touch", "type": "update_record",
              "input": {"object": there, "id": str(record[there]), "fields": {"name": "n"}}}],
            trigger={"type": "record_updated", "object": here},
        )
        for here, there in other.items()
    ]  # fmt: skip
    await tenant.happen("updated", {"name": "n"}, {"name": "o"}, record_id=record["opportunity"])

    async def both_paused() -> bool:
        states = [
            (await tenant.call(tenant.workflows.GetWorkflow, pb.GetWorkflowRequest(workflow=w.id)))
            for w in made
        ]
        return all(one.workflow.state == "paused" for one in states)

    await eventually(both_paused, "both are paused")
    for workflow in made:
        request = pb.ListWorkflowHistoryRequest(workflow=workflow.id)
        history = (await tenant.call(tenant.workflows.ListWorkflowHistory, request)).entries
        assert any(e.kind == "paused" and "loop" in e.text for e in history)
    assert len(tenant.effects("UpdateRecord")) == 2
    skipped = await tenant.happen("updated", {"name": "n"}, {"name": "o"})
    assert (await tenant.finished(skipped)).state == "skipped"


async def test_runs_are_forgotten_when_their_time_is_over(
    tenant: Tenant, platform: Platform
) -> None:
    kept = await tenant.workflow([TODO], retention={"succeeded_days": 400})
    usual = await tenant.workflow([TODO])
    runs = [await tenant.start(one.id) for one in (kept, usual, usual)]
    for run in runs:
        await tenant.until(run.id)
    async with platform.db.transaction(tenant.workspace_id) as tx:
        sql = "UPDATE runs SET finish_time = now() - interval '31 days' WHERE run_id = ANY(%s)"
        await tx.run(sql, [[UUID(run.id) for run in runs[:2]]])
    assert await Retention(platform.worker_db, platform.db, seconds=1).sweep() == 1
    assert {run.id for run in await tenant.listed()} == {runs[0].id, runs[2].id}
    async with platform.db.transaction(tenant.workspace_id) as tx:
        for table in ("steps", "attempts", "occasions"):
            assert await tx.value(f"SELECT count(*) FROM {table}") == 2, table


async def test_a_rate_delays_and_drops_nothing(tenant: Tenant) -> None:
    workflow = await tenant.workflow([TODO], limits={"rate": {"limit": 2, "per": 1}})
    runs = [await tenant.start(workflow.id) for _ in range(4)]
    ended = [await tenant.until(run.id) for run in runs]
    assert {run.state for run in ended} == {"succeeded"}
    starts = sorted(run.start_time.ToMilliseconds() for run in ended)
    assert starts[-1] - starts[0] > 700
    assert json.loads(ended[0].steps[0].output_json)["todo"]["id"]
