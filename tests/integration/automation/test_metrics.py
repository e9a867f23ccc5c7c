"""What a worker shows of the engine, for Prometheus."""

import httpx

from kit import ids
from kit.caller import Cause
from tests.integration.automation.harness import Platform, Tenant, eventually
from tests.integration.automation.test_faults import ACTIONS

AT_LEAST = {  # runs that other tests left may come beside
    'automation_runs_total{kind="rule",state="succeeded"}': 2,
    'automation_runs_total{kind="rule",state="blocked"}': 1,
    'automation_runs_total{kind="workflow",state="failed"}': 1,
    'automation_runs_total{kind="workflow",state="skipped"}': 1,
    "automation_loop_blocked_total": 1,
    'automation_run_wait_seconds_count{kind="rule"}': 2,
    'automation_attempt_duration_seconds_count{outcome="done",type="create_todo"}': 2,
    "automation_timer_lag_seconds_count": 1,
}
IDLE = {"automation_runs_active": 0, "automation_queue_due": 0}


async def test_a_worker_shows_what_became_of_runs(tenant: Tenant, platform: Platform) -> None:
    rule = (await tenant.create(ACTIONS[:1])).rule
    steps = [
        {"id": "nap", "type": "delay", "input": {"for": 1}},
        {"id": "end", "type": "fail", "input": {"message": "no"}},
    ]
    flow = await tenant.workflow(steps)
    last = await tenant.workflow(
        [{"id": "end", "type": "stop"}],
        trigger={"type": "record_updated", "object": "opportunity"},
        limits={"debounce": {"key": "same", "for": 1}},
    )
    port = platform.started["port_base"] + 29
    async with platform.process("work", ARMATURE_METRICS_ADDRESS=f"127.0.0.1:{port}"):
        for _ in range(2):
            await tenant.finished(await tenant.happen())
        record = ids.new_id()
        chain = Cause("root", "event", 3, (f"{rule.id}:{record}",))
        await tenant.finished(await tenant.happen(record_id=record, cause=chain))
        await tenant.until((await tenant.start(flow.id)).id, "failed")
        for n in range(2):  # the second takes the place of the first
            await tenant.happen("updated", {"score": n}, {"score": 9}, version=2)
        await eventually(
            lambda: tenant.listed(workflow=last.id, state="succeeded"), "the last of a burst ends"
        )
        async with httpx.AsyncClient(trust_env=False) as http:

            async def shown() -> bool:
                text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
                assert str(tenant.workspace_id) not in text
                rows = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
                found = {name: float(value) for name, _, value in rows}
                return found.items() >= IDLE.items() and all(
                    found.get(name, 0) >= least for name, least in AT_LEAST.items()
                )

            await eventually(shown, "the counts are those of what happened", 15)
