"""What happens starts runs; runs do what their rule says, once."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from kit import ids
from kit.caller import Caller, Cause
from tests.integration.automation.harness import Tenant
from tests.integration.automation.rules import TODO, WON, none_for

pytestmark = pytest.mark.usefixtures("worker")


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
