"""Conditions that go on from an event's record to those it names, as whoever owns the rule."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from armature.automation.v1 import rule_pb2, rule_service_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from kit.errors import Unavailable
from tests.integration.automation.harness import Tenant, eventually

TODO = ("create_todo", {"title": "{{ trigger.after.name }}"})

pytestmark = pytest.mark.usefixtures("worker")


def company(tenant: Tenant, **fields: Any) -> str:
    """A company's id."""
    made = str(ids.new_id())
    tenant.world.fields[made] = {"name": None, "score": None, "parent": None} | fields
    return made


async def titles(tenant: Tenant, count: int) -> list[str]:
    async def there() -> bool:
        return len(tenant.effects("CreateTodo")) >= count

    await eventually(there, f"{count} todos")
    return sorted(one.request.todo.title for one in tenant.effects("CreateTodo"))


async def seen_through(tenant: Tenant, name: str = "last") -> None:
    """Wait until everything that was published before has been judged."""
    rule = await tenant.create([("create_note", {"title": name, "body": "-"})], obj="company")
    event = await tenant.happen(after={"name": name}, obj="company")
    run = await tenant.finished(event)
    assert run.rule_id == rule.rule.id


async def test_a_rule_runs_by_the_fields_of_the_record_that_its_own_one_names(
    tenant: Tenant,
) -> None:
    parent = company(tenant, name="Group")
    big = company(tenant, name="Big", score=90, parent=parent)
    gone = company(tenant, name="Big", score=99)
    tenant.world.unknown.add(gone)
    await tenant.create(
        [TODO], condition={"company.score": {"gte": 50}, "company.parent.name": "Group"}
    )
    small = company(tenant, name="Small", score=3, parent=parent)
    for name, one in (("a", big), ("b", small), ("c", gone), ("d", None)):
        await tenant.happen(after={"name": name, "company": one})
    await seen_through(tenant)
    assert await titles(tenant, 1) == ["a"]
    callers = {str(who.principal_id) for who, _ in tenant.world.fetched if _mine(tenant, who)}
    assert callers == {tenant.world.keys[tenant.key][1]}


async def test_a_path_through_an_empty_or_deleted_relation_is_empty(tenant: Tenant) -> None:
    gone = company(tenant, name="Big")
    tenant.world.unknown.add(gone)
    named, bare = company(tenant, name="Big"), company(tenant)
    await tenant.create([TODO], condition={"company.name": {"is_empty": True}})
    for name, one in (("none", None), ("gone", gone), ("named", named), ("bare", bare)):
        await tenant.happen(after={"name": name, "company": one})
    assert await titles(tenant, 3) == ["bare", "gone", "none"]
    await seen_through(tenant)
    assert len(tenant.effects("CreateTodo")) == 3


async def test_related_records_are_fetched_together(tenant: Tenant) -> None:
    """Fifty events and two rules of one owner: a call for each batch, not for each event."""
    await tenant.create([TODO], condition={"company.score": {"gte": 0}})
    await tenant.create([TODO], condition={"company.name": {"starts_with": "n"}})
    companies = [company(tenant, name=f"n{i}", score=i) for i in range(50)]
    await seen_through(tenant)
    tenant.world.fetched.clear()
    for i, one in enumerate(companies):
        await tenant.happen(after={"name": f"deal {i}", "company": one})
    await titles(tenant, 100)
    mine = [request for who, request in tenant.world.fetched if _mine(tenant, who)]
    assert len(mine) < 50
    assert sorted(one for request in mine for one in request.ids) == sorted(companies)
    assert {request.fields for request in mine} == {"name,score"}


async def test_while_records_does_not_answer_events_wait(tenant: Tenant) -> None:
    await tenant.create([TODO], condition={"company.name": "Big"})
    big = company(tenant, name="Big")
    await seen_through(tenant)
    refused = asyncio.Event()

    def refuse(method: str, _request: Any) -> Unavailable | None:
        if method != "BatchGetRecords":
            return None
        refused.set()
        return Unavailable("UNREACHABLE", "records is away")

    tenant.world.refuse = refuse
    event = await tenant.happen(after={"name": "late", "company": big})
    await asyncio.wait_for(refused.wait(), 20)
    assert not await tenant.listed(event_id=str(event))
    tenant.world.refuse = lambda _method, _request: None
    assert (await tenant.finished(event)).state == "succeeded"
    assert await titles(tenant, 1) == ["late"]


async def test_without_its_owner_a_rule_cannot_be_judged(tenant: Tenant) -> None:
    member = tenant.world.new_key(tenant.workspace_id, "member")
    await tenant.create([TODO], condition={"company.name": "Big"}, key=member)
    tenant.world.removed.add(tenant.world.keys[member][1])
    event = await tenant.happen(after={"name": "x", "company": company(tenant, name="Big")})
    run = await tenant.finished(event)
    assert run.state == "failed"
    assert "may not read" in run.error


async def test_a_condition_that_is_changed_is_judged_by_what_it_says_now(tenant: Tenant) -> None:
    made = (await tenant.create([TODO], condition={"name": "nobody"})).rule
    big = company(tenant, name="Big", score=7)
    await seen_through(tenant)
    await tenant.call(
        tenant.rules.UpdateRule,
        rule_service_pb2.UpdateRuleRequest(
            rule=made.id,
            changes=rule_pb2.Rule(condition_json=b'{"company.score": 7}'),
            update_mask=FieldMask(paths=["condition_json"]),
        ),
    )
    run = await tenant.finished(await tenant.happen(after={"name": "x", "company": big}))
    assert (run.rule_version, run.state) == (2, "succeeded")


async def test_a_workflow_goes_on_to_related_records_too(tenant: Tenant) -> None:
    flow = await tenant.workflow(
        [{"id": "note", "type": "create_note", "input": {"title": "x", "body": "-"}}],
        trigger={"type": "record_deleted", "object": "opportunity"},
        condition={"or": [{"company.name": "Big"}, {"score": 5}]},
    )
    big, small = company(tenant, name="Big"), company(tenant, name="Small")
    found = [
        await tenant.happen("deleted", before={"company": one, "score": score})
        for one, score in ((big, 1), (small, 5), (small, 1))
    ]
    for event in found[:2]:
        assert (await tenant.finished(event)).state == "succeeded"
    await seen_through(tenant)
    assert not await tenant.listed(event_id=str(found[2]))
    assert {run.workflow_id for run in await _runs(tenant, found[:2])} == {flow.id}


async def _runs(tenant: Tenant, events: Sequence[UUID]) -> list[Any]:
    return [run for event in events for run in await tenant.listed(event_id=str(event))]


def _mine(tenant: Tenant, who: Any) -> bool:
    return bool(who.workspace_id == tenant.workspace_id)
