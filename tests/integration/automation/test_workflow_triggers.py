"""Everything that starts a workflow, and what holds it back."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from armature.automation.v1 import run_service_pb2

from kit import clients, ids
from kit.errors import (
    FailedPrecondition,
    PermissionDenied,
    Unauthenticated,
)
from services.automation.store import flows
from tests.integration.automation.flows import NAMED, PB, refused, titles, todo
from tests.integration.automation.harness import Platform, Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")


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


async def test_a_formula_holds_whatever_asks_for_the_run(tenant: Tenant, address: str) -> None:
    document = {"when": "inputs.n > 1", "steps": [todo("t")]}
    document["inputs"] = [{"name": "n", "type": "number"}]
    by_hand = await tenant.draft({**document, "trigger": {"type": "manual"}})
    hooked = await tenant.draft({**document, "trigger": {"type": "webhook"}})
    for made in (by_hand, hooked):
        await tenant.publish(made.workflow.id)
    headers = clients.metadata(f"hook_{hooked.hook_url.rpartition('/')[2]}")

    async def call(n: int) -> str:
        request = PB.ReceiveHookRequest(body=b'{"n": %d}' % n)
        return str((await clients.call(tenant.workflows.ReceiveHook, request, headers)).run_id)

    for run_id in ((await tenant.start(by_hand.workflow.id, n=1)).id, await call(1)):
        run = await tenant.get(run_id)
        assert (run.state, run.error) == ("skipped", "the condition does not hold")
    for run_id in ((await tenant.start(by_hand.workflow.id, n=2)).id, await call(2)):
        assert (await tenant.until(run_id)).state == "succeeded"
    assert len(titles(tenant)) == 2
    unknown = (await tenant.start(by_hand.workflow.id)).id
    assert "can't be judged" in (await tenant.get(unknown)).error
    check = PB.CheckWorkflowRequest(workflow=by_hand.workflow.id, inputs_json=b'{"n": 1}')
    told = await tenant.call(tenant.workflows.CheckWorkflow, check)
    assert (told.starts, told.reason) == (False, "the condition does not hold")


async def test_a_run_without_a_record_says_so(tenant: Tenant) -> None:
    workflow = await tenant.workflow([todo("t")])
    run = await tenant.until((await tenant.start(workflow.id)).id)
    assert run.record_id == ""
    [event] = await tenant.events("run.succeeded")
    assert event["record_id"] is None


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
