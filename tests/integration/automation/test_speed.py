"""Measure runs a second and the way from an event to its first action, by the engine alone: what
stands around it is played here. tests/e2e/test_automation_speed.py has them with every plane."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench import figures
from tests.integration.automation.harness import Platform, Tenant, eventually
from tests.integration.automation.test_faults import ACTIONS, all_succeeded, count

MANY = {"ARMATURE_RULE_TRIGGERS_PER_MINUTE": "1000000"}
RUNS = 2000
RUNS_BAR = 300
EVENTS, RATE = 1000, 100
P50_BAR_MS, P99_BAR_MS = 60, 250


@pytest.mark.bench
@pytest.mark.parametrize("workers", [1, 2])
async def test_two_step_runs_a_second(tenant: Tenant, platform: Platform, workers: int) -> None:
    await tenant.create(ACTIONS)
    async with platform.process("work", ARMATURE_RUN_CONCURRENCY="0", **MANY):
        started = time.perf_counter()
        for number in range(RUNS):
            await tenant.happen(after={"name": str(number)})
        published = time.perf_counter() - started

        async def queued() -> bool:
            return await count(tenant, "queued") == RUNS

        await eventually(queued, "everything is queued", 120)
        print(f"\npublished in {published:.1f} s, queued {time.perf_counter() - started:.1f} s")
    async with asyncio.TaskGroup() as group:
        stop = asyncio.Event()
        cpu: list[float] = []

        async def work() -> None:
            async with platform.process("work", ARMATURE_RUN_CONCURRENCY="16", **MANY) as running:
                await stop.wait()
                cpu.append(_cpu_seconds(running.pid))

        for _ in range(workers):
            group.create_task(work())

        async def begun() -> bool:
            return await count(tenant, "succeeded") > 50

        await eventually(begun, "begun", 60)
        first, since = await count(tenant, "succeeded"), time.perf_counter()
        await all_succeeded(tenant, RUNS, 120)
        rate = (RUNS - first) / (time.perf_counter() - since)
        figures.at_least(f"two-step runs, {workers} worker(s)", rate, RUNS_BAR, "runs/s")
        stop.set()
    print(f"CPU of the workers: {sum(cpu) / RUNS * 1000:.1f} ms a run, their start included")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.bench
async def test_from_event_to_first_action(tenant: Tenant, platform: Platform) -> None:
    await tenant.create(ACTIONS[:1])
    sent: dict[str, float] = {}
    took: list[float] = []

    async def arrived(method: str, request: Any) -> None:
        if request.todo.title.removeprefix("Call ") in sent:
            took.append(time.perf_counter() - sent[request.todo.title.removeprefix("Call ")])

    tenant.world.before_answer = arrived
    async with platform.process("work", **MANY):
        await tenant.finished(await tenant.happen(after={"name": "warm"}))
        started = time.perf_counter()
        for number in range(EVENTS):
            await asyncio.sleep(max(0.0, started + number / RATE - time.perf_counter()))
            sent[str(number)] = time.perf_counter()
            await tenant.happen(after={"name": str(number)})
        await all_succeeded(tenant, EVENTS + 1)
    p50, p99 = (figures.at(took, share) * 1000 for share in (0.5, 0.99))
    figures.at_most("event to first action, engine alone, p50", p50, P50_BAR_MS, "ms")
    figures.at_most("event to first action, engine alone, p99", p99, P99_BAR_MS, "ms")
