"""What is published does what its graph says, once."""

import asyncio
import json
from typing import Any

import pytest
from armature.automation.v1 import run_service_pb2

from kit.errors import (
    FailedPrecondition,
    NotFound,
)
from tests.integration.automation.flows import output, refused, titles, todo
from tests.integration.automation.harness import Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")


async def test_choices_variables_and_jumps(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "set",
                "type": "set_variables",
                "input": {"values": {"n": {"$cel": "inputs.n * 2"}}},
            },
            {
                "id": "check",
                "type": "if",
                "when": "vars.n > 10",
                "then": [todo("big", "big {{ vars.n }}")],
                "else": [todo("small", "small {{ vars.n }}")],
            },
            {
                "id": "kind",
                "type": "switch",
                "value": "{{ inputs.kind }}",
                "cases": [
                    {"equals": "a", "steps": [todo("is_a")]},
                    {"equals": "b", "steps": [todo("is_b"), {"id": "end_here", "type": "stop"}]},
                ],
                "default": [todo("is_other")],
                "next": "last",
            },
            todo("last", "{{ steps.kind.output.branch }}"),
        ],
        inputs=[{"name": "n", "type": "number"}, {"name": "kind"}],
    )
    run = await tenant.until((await tenant.start(workflow.id, n=7, kind="a")).id)
    assert run.state == "succeeded", run.error
    assert titles(tenant) == ["big 14", "is_a", "0"]
    assert [s.path for s in run.steps] == [
        "set", "check", "check/big", "kind", "kind/is_a", "last"
    ]  # fmt: skip
    run = await tenant.until((await tenant.start(workflow.id, n=1, kind="b")).id)
    assert (run.state, titles(tenant)[3:]) == ("succeeded", ["small 2", "is_b"])


async def test_a_failure_may_be_passed_over(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {**todo("bad", "nowhere"), "on_error": "continue"},
            todo("good", "after: {{ steps.bad.error | slice: 0, 9 }}"),
            {"id": "over", "type": "fail", "input": {"message": "that is all"}},
        ]
    )
    run = await tenant.until((await tenant.start(workflow.id)).id)
    assert (run.state, run.error) == ("failed", "over: that is all")
    assert titles(tenant) == ["after: NOT_FOUND"]
    assert len(await tenant.events("dead_letter.created")) == 1


async def test_a_loop_is_bounded_and_each_round_has_its_own_names(tenant: Tenant) -> None:
    active, most = 0, 0

    async def count(_method: str, _request: Any) -> None:
        nonlocal active, most
        active, most = active + 1, max(most, active + 1)
        await asyncio.sleep(0.02)
        active -= 1

    tenant.world.before_answer = count
    workflow = await tenant.workflow(
        [
            {"id": "find", "type": "find_records", "input": {"object": "company", "limit": 3}},
            {
                "id": "each",
                "type": "for_each",
                "items": {"$cel": "inputs.names"},
                "concurrency": 3,
                "body": [
                    todo("one", "{{ index }}: {{ item }}"),
                    todo("two", "again {{ steps.one.todo.title }}"),
                ],
            },
            todo(
                "end", "{{ steps.each.output.count }} and {{ steps.find.output.first.fields.name }}"
            ),
        ],
        inputs=[{"name": "names", "type": "json"}],
    )
    names = [f"n{i}" for i in range(8)]
    run = await tenant.until((await tenant.start(workflow.id, names=names)).id)
    assert run.state == "succeeded", run.error
    wanted = {f"{i}: n{i}" for i in range(8)} | {f"again {i}: n{i}" for i in range(8)}
    assert sorted(titles(tenant)[:-1]) == sorted(wanted)
    assert titles(tenant)[-1] == "8 and found 0"
    assert 2 <= most <= 3
    assert {e.request_id for e in tenant.effects()} >= {f"{run.id}/0/each/3/two"}
    results = output(run, "each")["results"]
    assert [one["todo"]["title"] for one in results][2] == "again 2: n2"


@pytest.mark.parametrize("join", ["all", "any", 2])
async def test_branches_join(tenant: Tenant, join: Any) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "fan",
                "type": "parallel",
                "join": join,
                "branches": [
                    {"id": "a", "steps": [todo("a1"), todo("a2")]},
                    {"id": "b", "steps": [todo("b1")]},
                    {"id": "c", "steps": [{"id": "c1", "type": "delay", "input": {"for": "30d"}}]},
                ],
            },
            todo("after", "{{ steps.fan.output.branches | join: '+' }}"),
        ]
    )
    run = await tenant.start(workflow.id)
    if join == "all":
        await tenant.until(run.id, "waiting", path="fan/c/c1")
        await tenant.until(run.id, "waiting")
        assert sorted(titles(tenant)) == ["a1", "a2", "b1"]
        await tenant.come_due(run.id)
    ended = await tenant.until(run.id)
    assert ended.state == "succeeded", ended.error
    if join != "all":
        assert {s.path: s.state for s in ended.steps}["fan/c/c1"] == "cancelled"
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        assert await tx.value("SELECT count(*) FROM waits") == 0


async def test_a_wait_has_one_winner(tenant: Tenant) -> None:
    workflow = await tenant.workflow(
        [
            {
                "id": "paid",
                "type": "wait_for_event",
                "input": {
                    "event": "payment.received",
                    "match": {"data.invoice": "{{ inputs.invoice }}"},
                    "timeout": "3d",
                },
            },
            todo("end", "{{ steps.paid.output.timed_out }} {{ steps.paid.output.event.data.sum }}"),
        ],
        inputs=[{"name": "invoice"}],
    )
    won, late = (
        await tenant.start(workflow.id, invoice="i1"),
        await tenant.start(workflow.id, invoice="i2"),
    )
    for run in (won, late):
        await tenant.until(run.id, "waiting")
    await tenant.announce("payment.received", {"invoice": "other", "sum": 1})
    await tenant.announce("payment.received", {"invoice": "i1", "sum": 5})
    assert (await tenant.until(won.id)).state == "succeeded"
    assert titles(tenant) == ["false 5"]
    await tenant.come_due(late.id)
    ended = await tenant.until(late.id)
    assert ended.state == "failed"  # nothing came: its event has no data to speak of
    assert "timed_out" in json.dumps(output(ended, "paid"))
    await tenant.announce("payment.received", {"invoice": "i2", "sum": 9})
    assert [h.kind for h in ended.history if h.kind == "waiting"] == ["waiting"]


async def test_a_person_answers_in_time_or_others_are_asked(tenant: Tenant) -> None:
    boss, other = (tenant.world.new_key(tenant.workspace_id, "member") for _ in "ab")
    ids_of = {key: tenant.world.keys[key][1] for key in (boss, other)}
    workflow = await tenant.workflow(
        [
            {
                "id": "approve",
                "type": "wait_for_input",
                "input": {
                    "title": "May we?",
                    "assignees": [ids_of[boss]],
                    "form": [{"name": "approved", "type": "boolean", "required": True}],
                    "timeout": "10d",
                    "escalation": [{"after": "2d", "assignees": [ids_of[other]]}],
                },
            },
            {
                "id": "check",
                "type": "if",
                "when": "steps.approve.output.values.approved",
                "then": [todo("yes", "approved by {{ steps.approve.output.by.name }}")],
            },
        ]
    )
    run = await tenant.start(workflow.id)
    await tenant.until(run.id, "waiting")

    def answer(values: Any, key: str, step: str = "approve") -> Any:
        request = run_service_pb2.SubmitRunInputRequest(
            id=run.id, step=step, values_json=json.dumps(values).encode()
        )
        return tenant.call(tenant.runs.SubmitRunInput, request, key)

    assert (await refused(answer({"approved": True}, other))).reason == "INPUT_NOT_ASSIGNED"
    wrong = await refused(answer({"aproved": "yes"}, boss))
    assert {v.path for v in wrong.violations} == {"values.aproved", "values.approved"}
    assert isinstance(await refused(answer({}, boss, "nothing")), NotFound)
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run("UPDATE waits SET due_time = now() WHERE kind = 'escalation'")

    async def escalated() -> Any:
        return await tenant.events("run.escalated")

    [event] = await eventually(escalated, "it is escalated")
    assert event["assignees"] == [ids_of[other]]
    await answer({"approved": True}, other)
    ended = await tenant.until(run.id)
    assert ended.state == "succeeded", ended.error
    assert titles(tenant) == ["approved by Key member"]
    assert isinstance(await refused(answer({"approved": True}, boss)), FailedPrecondition)
    assert {"waiting", "escalated", "answered"} <= {h.kind for h in ended.history}
