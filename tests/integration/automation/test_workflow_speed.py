"""Measure timers behind a million others, and one workspace's turn behind another's queue."""

import time
from datetime import datetime

import pytest

from tests.bench import figures
from tests.integration.automation.harness import Platform, Tenant, eventually
from tests.integration.automation.test_faults import count
from tests.integration.automation.test_speed import MANY

PENDING = 1_000_000
QUEUED = 100_000
BAR_MS = 1000  # of a timer's lag, and of another workspace's wait
_WAITS = """
INSERT INTO waits (workspace_id, run_id, step_index, kind, due_time)
SELECT %s, gen_random_uuid(), 0, 'time', now() + make_interval(secs => 86400 + random() * 3e6)
FROM generate_series(1, %s)"""
_RUNS = """
WITH one AS (SELECT * FROM runs WHERE workspace_id = %(w)s LIMIT 1),
many AS (
  INSERT INTO runs (workspace_id, run_id, rule_id, rule_version, rule_name, event_id, event_type,
    object, record_id, state, depth, kind)
  SELECT o.workspace_id, gen_random_uuid(), o.rule_id, o.rule_version, o.rule_name,
    gen_random_uuid(), o.event_type, o.object, o.record_id, 'queued', 1, o.kind
  FROM one AS o, generate_series(1, %(n)s) RETURNING workspace_id, run_id, event_id
), documents AS (
  INSERT INTO occasions (workspace_id, event_id, document)
  SELECT m.workspace_id, m.event_id, d.document FROM many AS m, one AS o
  JOIN occasions AS d ON d.workspace_id = o.workspace_id AND d.event_id = o.event_id
)
INSERT INTO run_queue (workspace_id, run_id, due_time)
SELECT workspace_id, run_id, now() - interval '600 seconds' FROM many"""


@pytest.mark.bench
async def test_timers_fire_in_time_behind_a_million_others(
    tenant: Tenant, platform: Platform
) -> None:
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(_WAITS, [tenant.workspace_id, PENDING])
        await tx.run("ANALYZE waits")
    nap = {"id": "nap", "type": "delay", "input": {"for": 2}}
    workflow = await tenant.workflow([nap])
    async with platform.process("work", **MANY):
        await tenant.until((await tenant.start(workflow.id)).id)
        started = [await tenant.start(workflow.id) for _ in range(300)]
        lags = []
        for run in started:
            ended = await tenant.until(run.id, seconds=60)
            step = ended.steps[0]
            due = step.output_json.decode().split('"')[3]
            lags.append(
                step.finish_time.ToMilliseconds() / 1000 - datetime.fromisoformat(due).timestamp()
            )
    p50, p99 = (figures.at(lags, share) * 1000 for share in (0.5, 0.99))
    print(f"\ntimer lag behind {PENDING:,} pending, p50: {p50:.0f} ms")
    figures.at_most(f"timer lag behind {PENDING:,} pending, p99", p99, BAR_MS, "ms")
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run("DELETE FROM waits WHERE workspace_id = %s", [tenant.workspace_id])


@pytest.mark.bench
async def test_a_hundred_thousand_queued_runs_hold_up_nobody(
    tenant: Tenant, platform: Platform, address: str
) -> None:
    note = {"id": "n", "type": "create_note", "input": {"title": "n", "body": "b"}}
    workflow = await tenant.workflow([note])
    other = platform.tenant(address)
    theirs = await other.workflow([note])
    async with platform.process("work", **MANY):
        await tenant.until((await tenant.start(workflow.id)).id)
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(_RUNS, {"w": tenant.workspace_id, "n": QUEUED})
    async with platform.process("work", **MANY):

        async def begun() -> bool:
            return await count(tenant, "succeeded") > 100

        await eventually(begun, "the queue moves", 60)
        waited = []
        for _ in range(20):
            asked = time.perf_counter()
            run = await other.start(theirs.id)
            await other.until(run.id, seconds=60)
            waited.append(time.perf_counter() - asked)
        left = QUEUED - await count(tenant, "succeeded")
    first, p50, worst = (1000 * one for one in (waited[0], figures.at(waited, 0.5), max(waited)))
    print(f"\nanother's run beside {left:,} queued: first {first:.0f} ms, p50 {p50:.0f} ms")
    figures.at_most(f"another's run beside {left:,} queued, worst of 20", worst, BAR_MS, "ms")
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run("DELETE FROM run_queue WHERE workspace_id = %s", [tenant.workspace_id])
    await other.channel.close()
