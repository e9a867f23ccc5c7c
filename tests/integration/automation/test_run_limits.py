"""What must not run is held back and says so; runs are seen by whom they are for."""

from datetime import UTC, datetime
from typing import Any

import pytest
from armature.automation.v1 import rule_pb2, rule_service_pb2, run_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from kit.caller import Caller, Cause
from kit.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.integration.automation.harness import Platform, Tenant, eventually
from tests.integration.automation.rules import TODO, WON

pytestmark = pytest.mark.usefixtures("worker")


async def test_two_rules_that_start_each_other_stop_and_say_so(tenant: Tenant) -> None:
    """A on opportunities updates a company, B on companies updates the opportunity."""
    opportunity, company = ids.new_id(), ids.new_id()
    there = ("update_record", {"object": "company", "id": str(company), "fields": {"score": 1}})
    back = (
        "update_record",
        {"object": "opportunity", "id": str(opportunity), "fields": {"score": 1}},
    )
    a = (await tenant.create([there], trigger="record_updated")).rule
    b = (await tenant.create([back], trigger="record_updated", obj="company")).rule

    async def announce(caller: Caller, request: Any) -> None:
        if caller.workspace_id == tenant.workspace_id:
            await tenant.happen(
                "updated",
                {"name": "x"},
                {"score": 0},
                record_id=ids.parse_id(request.id, "id"),
                obj=request.object,
                cause=caller.cause,
            )

    tenant.world.on_update = announce
    await tenant.happen("updated", WON, {"score": 0}, record_id=opportunity)

    async def blocked() -> Any:
        return await tenant.listed(state="blocked")

    [run] = await eventually(blocked, "the loop is blocked")
    assert run.rule_id == a.id
    assert "loop" in run.error
    assert len(tenant.effects("UpdateRecord")) == 2
    assert [r.rule_id for r in await tenant.listed()] == [a.id, b.id, a.id]
    [event] = await tenant.events("run.blocked")
    assert event["run_id"] == run.id


async def test_a_long_chain_is_blocked(tenant: Tenant) -> None:
    await tenant.create([TODO])
    deep = await tenant.happen(after=WON, cause=Cause("root", "c", 16, ()))
    assert (await tenant.finished(deep)).state == "blocked"
    ok = await tenant.happen(after=WON, cause=Cause("root", "c", 15, ()))
    assert (await tenant.finished(ok)).state == "succeeded"


async def test_a_rule_that_can_no_longer_be_understood_fails_aloud(tenant: Tenant) -> None:
    from schema.model import Snapshot

    await tenant.create([TODO], condition={"score": 1})
    old = tenant.world.snapshots[tenant.workspace_id]
    objects = tuple(
        type(o)(
            id=o.id,
            name=o.name,
            plural_name=o.plural_name,
            fields=tuple(f for f in o.fields if f.name != "score"),
        )
        for o in old.objects
    )
    tenant.world.snapshots[tenant.workspace_id] = Snapshot(old.workspace_id, 2, objects=objects)

    async def known() -> bool:
        await tenant.happen(after={"name": "x"})
        return any(run.state == "failed" for run in await tenant.listed())

    await eventually(known, "a run fails for its condition")
    run = next(run for run in await tenant.listed() if run.state == "failed")
    assert "score" in run.error
    with pytest.raises(FailedPrecondition) as caught:
        await tenant.call(tenant.runs.ResumeRun, run_service_pb2.ResumeRunRequest(id=run.id))
    assert caught.value.reason == "RUN_NOT_RESUMABLE"


async def test_more_than_five_hundred_triggers_a_minute_pause_the_rule(tenant: Tenant) -> None:
    rule = (await tenant.create([TODO])).rule

    async def early_in_a_minute() -> bool:
        return datetime.now(UTC).second <= 40

    await eventually(early_in_a_minute, "the turn of the minute", 30)
    for _ in range(510):
        await tenant.happen(after=WON)

    async def paused() -> Any:
        answer = await tenant.call(
            tenant.rules.GetRule, rule_service_pb2.GetRuleRequest(rule=rule.id)
        )
        return answer.rule if answer.rule.state == "paused" else None

    found = await eventually(paused, "the rule is paused", 60)
    assert "500" in found.state_reason
    assert len(await tenant.events("rule.paused")) == 1
    blocked = await tenant.listed(state="blocked")
    assert blocked
    assert "paused" in blocked[0].error

    async def all_done() -> bool:
        return len(await tenant.listed(state="succeeded", page_size=1000)) == 500

    await eventually(all_done, "what was within the limit is done", 60)
    update = rule_service_pb2.UpdateRuleRequest(
        rule=rule.id, changes=rule_pb2.Rule(state="enabled"), update_mask=FieldMask(paths=["state"])
    )
    assert (await tenant.call(tenant.rules.UpdateRule, update)).rule.state_reason == ""


async def test_runs_are_listed_newest_first_by_every_selection(tenant: Tenant) -> None:
    rule = (await tenant.create([TODO])).rule
    record = ids.new_id()
    events = [await tenant.happen(after=WON, record_id=record) for _ in range(5)]
    for event in events:
        await tenant.finished(event)
    everything = [run.id for run in await tenant.listed()]
    assert everything == sorted(everything, reverse=True)
    for query in (
        {"rule": rule.id},
        {"rule": rule.name},
        {"record_id": str(record)},
        {"state": "succeeded"},
    ):
        assert [run.id for run in await tenant.listed(**query)] == everything
    assert len(await tenant.listed(event_id=str(events[0]))) == 1
    assert await tenant.listed(state="failed") == []
    seen, token = [], ""
    while True:
        request = run_service_pb2.ListRunsRequest(rule=rule.id, page_size=2, page_token=token)
        page = await tenant.call(tenant.runs.ListRuns, request)
        seen += [run.id for run in page.runs]
        if not (token := page.next_page_token):
            break
    assert seen == everything
    with pytest.raises(InvalidArgument) as caught:
        await tenant.listed(state="done")
    assert caught.value.reason == "RUN_STATE_INVALID"
    request = run_service_pb2.ListRunsRequest(page_size=2)
    page = await tenant.call(tenant.runs.ListRuns, request)
    with pytest.raises(InvalidArgument):
        await tenant.listed(state="failed", page_token=page.next_page_token)


async def test_another_workspace_sees_no_runs(
    platform: Platform, tenant: Tenant, address: str
) -> None:
    await tenant.create([TODO])
    run = await tenant.finished(await tenant.happen(after=WON))
    other = platform.tenant(address)
    assert await other.listed() == []
    for method, request in (
        (other.runs.GetRun, run_service_pb2.GetRunRequest(id=run.id)),
        (other.runs.CancelRun, run_service_pb2.CancelRunRequest(id=run.id)),
        (other.runs.ResumeRun, run_service_pb2.ResumeRunRequest(id=run.id)),
        (other.runs.ListRuns, run_service_pb2.ListRunsRequest(rule=run.rule_id)),
    ):
        with pytest.raises(NotFound):
            await other.call(method, request)
    await other.channel.close()


async def test_a_removed_owner_can_do_nothing_any_more(tenant: Tenant) -> None:
    rule = (await tenant.create([TODO])).rule
    tenant.world.removed.add(rule.owner_id)
    run = await tenant.finished(await tenant.happen(after=WON))
    assert (run.state, len(tenant.effects())) == ("failed", 0)
    assert "CREDENTIALS_INVALID" in run.error
