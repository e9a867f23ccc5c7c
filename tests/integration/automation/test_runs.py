"""What happens starts runs; runs do what their rule says, once, and can be followed and steered."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from armature.automation.v1 import rule_pb2, rule_service_pb2, run_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from standardwebhooks.webhooks import Webhook

from kit import ids
from kit.caller import Caller, Cause
from kit.errors import FailedPrecondition, Internal, InvalidArgument, NotFound, Unavailable
from tests.integration.automation.harness import Platform, Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")
TODO = ("create_todo", {"title": "Call {{ trigger.after.name }}"})
WON = {"name": "Big one", "stage": "won", "amount": {"amount_micros": 10, "currency_code": "EUR"}}


async def none_for(tenant: Tenant) -> None:
    """Have the consumer pass everything published before, then find nothing of ours."""
    await tenant.create([("create_note", {"title": "fence", "body": "x"})], obj="company")
    await tenant.finished(await tenant.happen(obj="company", after={"name": "fence"}))


async def test_a_rule_fires_once_for_an_event_however_often_it_comes(tenant: Tenant) -> None:
    await tenant.create([TODO])
    event_id = await tenant.happen(after=WON, times=3)
    run = await tenant.finished(event_id)
    assert run.state == "succeeded"
    [effect] = tenant.effects("CreateTodo")
    assert effect.request.todo.title == "Call Big one"
    assert [t.kind for t in effect.request.todo.targets] == ["opportunity"]
    assert effect.request_id == f"{run.id}/0/0"
    assert [a.outcome for a in run.steps[0].attempts] == ["succeeded"]
    assert json.loads(run.steps[0].output_json)["todo"]["id"]
    [event] = await tenant.events("run.succeeded")
    assert (event["run_id"], event["event_id"]) == (run.id, str(event_id))


async def test_actions_act_as_the_owner_in_the_name_of_the_rule(tenant: Tenant) -> None:
    rule = (await tenant.create([TODO])).rule
    root = str(ids.new_id())
    record = ids.new_id()
    event_id = await tenant.happen(
        after=WON, record_id=record, cause=Cause(root, "before", 2, ("x:y",))
    )
    run = await tenant.finished(event_id)
    caller: Caller = tenant.effects()[0].caller
    assert (caller.kind, caller.principal_id, caller.name) == ("automation", rule.id, rule.name)
    assert caller.cause == Cause(root, str(event_id), 3, ("x:y", f"{rule.id}:{record}"))
    assert run.depth == 3


async def test_conditions_decide(tenant: Tenant) -> None:
    condition = {"stage": "won", "amount.amount_micros": {"gte": 10}, "score": {"ne": 7}}
    await tenant.create([TODO], condition=condition)
    yes = await tenant.happen(after=WON)
    await tenant.happen(after=WON | {"score": 7})
    await tenant.happen(after=WON | {"stage": "lost"})
    await tenant.happen(after=WON | {"amount": None})
    assert (await tenant.finished(yes)).state == "succeeded"
    await none_for(tenant)
    assert len(tenant.effects("CreateTodo")) == 1


async def test_an_update_can_be_waited_for_by_field(tenant: Tenant) -> None:
    await tenant.create([TODO], trigger="record_updated", fields=["stage"])
    await tenant.happen("updated", WON, {"name": "old"})
    await tenant.happen("created", WON)
    yes = await tenant.happen("updated", WON, {"stage": "new"})
    assert (await tenant.finished(yes)).state == "succeeded"
    await none_for(tenant)
    assert len(tenant.effects("CreateTodo")) == 1


async def test_a_field_job_starts_only_what_waits_for_the_bare_event(tenant: Tenant) -> None:
    """It changes thousands of records for one change of a definition."""
    await tenant.create([TODO], trigger="record_updated")
    step = {"id": "t", "type": "create_todo", "input": {"title": "bare", "due_in_days": 1}}
    await tenant.workflow([step], trigger={"type": "event", "event": "record.updated"})
    job = await tenant.happen("updated", WON, {"name": "old"}, actor="field_job")
    person = await tenant.happen("updated", WON, {"name": "old"})
    await tenant.finished(person, 2)
    await tenant.finished(job)
    assert len(await tenant.listed(event_id=str(job))) == 1
    titles = [effect.request.todo.title for effect in tenant.effects("CreateTodo")]
    assert (len(titles), titles.count("bare")) == (3, 2)


async def test_a_deleted_record_is_judged_as_it_was(tenant: Tenant) -> None:
    await tenant.create(
        [("create_note", {"title": "Gone: {{ trigger.before.name }}", "body": "-"})],
        trigger="record_deleted",
        condition={"stage": "won"},
    )
    run = await tenant.finished(await tenant.happen("deleted", {}, WON))
    assert run.state == "succeeded"
    [note] = tenant.effects("CreateNote")
    assert (note.request.note.title, len(note.request.note.targets)) == ("Gone: Big one", 0)


async def test_every_action_and_what_templates_can_name(tenant: Tenant) -> None:
    target = tenant.platform.receiver.url + f"/{ids.new_id()}"
    made = await tenant.create(
        [
            (
                "create_record",
                {
                    "object": "company",
                    "fields": {
                        "name": "{{ trigger.after.name }} Ltd",
                        "score": "{{ trigger.after.score }}",
                    },
                },
            ),
            (
                "update_record",
                {
                    "fields": {
                        "amount": "{{ trigger.after.amount }}",
                        "name": None,
                        "company": "{{ steps.firm.record.id }}",
                    }
                },
            ),
            (
                "update_record",
                {
                    "object": "company",
                    "id": "{{ steps.firm.record.id }}",
                    "fields": {"score": "{{ trigger.before.score | plus: 1 }}"},
                },
            ),
            (
                "create_todo",
                {
                    "title": "{{ rule.name }}",
                    "due_in_days": 3,
                    "priority": "high",
                    "assignees": ["{{ trigger.event.actor.id }}"],
                    "targets": [{"kind": "company", "id": "{{ steps.firm.record.id }}"}],
                },
            ),
            (
                "create_note",
                {
                    "title": "{{ run.id }}",
                    "body": "{{ trigger.event.changed_fields | first }}; {{ 'now' | date: '%Y' }}",
                },
            ),
            (
                "send_webhook",
                {
                    "url": target,
                    "headers": {"X-Mine": "{{ trigger.record.version }}"},
                    "body": {
                        "amount": "{{ trigger.after.amount }}",
                        "n": "{{ trigger.after.score }}",
                        "text": "n={{ trigger.after.score }}",
                        "list": ["{{ trigger.record.id }}"],
                    },
                },
            ),
        ],
        trigger="record_updated",
        names=["firm", "", "", "", "", "hook"],
        name="Everything",
    )
    record = ids.new_id()
    after = WON | {"score": 2.5}
    event_id = await tenant.happen("updated", after, {"score": 1}, record_id=record, version=4)
    run = await tenant.finished(event_id)
    assert (run.state, run.error) == ("succeeded", "")
    [company] = tenant.effects("CreateRecord")
    assert json.loads(company.request.fields_json) == {"name": "Big one Ltd", "score": 2.5}
    firm = json.loads(run.steps[0].output_json)["record"]["id"]
    first, second = tenant.effects("UpdateRecord")
    assert (first.request.object, first.request.id) == ("opportunity", str(record))
    assert json.loads(first.request.fields_json) == {
        "amount": WON["amount"],
        "name": None,
        "company": firm,
    }
    assert (second.request.object, second.request.id) == ("company", firm)
    assert json.loads(second.request.fields_json) == {"score": 2}
    todo = tenant.effects("CreateTodo")[0].request.todo
    assert todo.due == (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    assert (todo.title, todo.priority, list(todo.assignees)) == ("Everything", "high", ["u1"])
    assert [(t.kind, t.id) for t in todo.targets] == [("company", firm)]
    note = tenant.effects("CreateNote")[0].request.note
    assert (note.title, note.body) == (run.id, f"score; {datetime.now(UTC).year}")
    [hook] = tenant.platform.receiver.at("/" + target.rpartition("/")[2])
    assert hook.json == {"amount": WON["amount"], "n": 2.5, "text": "n=2.5", "list": [str(record)]}
    assert (hook.headers["x-mine"], hook.headers["webhook-id"]) == ("4", f"{run.id}.5")
    assert hook.headers["idempotency-key"] == hook.headers["webhook-id"]
    Webhook(made.webhook_secret).verify(hook.body, hook.headers)


async def test_a_webhook_carries_event_and_record_by_default(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    made = await tenant.create([("send_webhook", {"url": tenant.platform.receiver.url + path})])
    event_id = await tenant.happen(after=WON)
    run = await tenant.finished(event_id)
    [hook] = tenant.platform.receiver.at(path)
    assert hook.json["type"] == "record.created"
    assert hook.json["event"]["id"] == str(event_id)
    assert hook.json["record"]["fields"]["stage"] == "won"
    assert hook.json["run"]["id"] == run.id
    assert len(base64.b64decode(made.webhook_secret.removeprefix("whsec_"))) == 32


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
