"""What matching events with subscriptions costs."""

from collections.abc import Hashable, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from kit import ids
from kit.clock import now
from kit.envelope import Envelope
from planes.definitions import Definitions
from planes.relatives import Asked, Reached, Relatives
from schema.compiled import CompiledObject, Workspace
from schema.model import Field, FieldType, Object, Snapshot
from services.events.logic import bodies
from services.events.model import PayloadKind, Subscription, SubscriptionState
from services.events.operations.matches import Matcher

WORKSPACE, OBJECT, FIRM = ids.new_id(), str(ids.new_id()), str(ids.new_id())
SIZE = Field(str(ids.new_id()), OBJECT, "size", FieldType.NUMBER, key="size")
FIRMS = Field(str(ids.new_id()), OBJECT, "firm", FieldType.RELATION, key="firm",
              settings={"targets": ["firm"]})  # fmt: skip
NAME = Field(str(ids.new_id()), FIRM, "name", FieldType.TEXT, key="name")
DEFINED = Workspace(
    Snapshot(
        workspace_id=str(WORKSPACE),
        version=1,
        objects=(
            Object(OBJECT, "deal", "deals", fields=(SIZE, FIRMS)),
            Object(FIRM, "firm", "firms", fields=(NAME,)),
        ),
    )
)


class Defined:
    async def object(self, _workspace_id: UUID, name: str) -> tuple[Workspace, CompiledObject]:
        found = DEFINED.object(name)
        assert found is not None
        return DEFINED, found


class Nowhere:
    """No relation leads anywhere; notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def reach(self, _: Workspace, asked: Sequence[Asked]) -> dict[Hashable, Reached]:
        self.asked += asked
        return {one.key: Reached() for one in asked}


def subscription(number: int, **more: Any) -> Subscription:
    values: dict[str, Any] = {
        "id": ids.new_id(), "name": "x", "url": "https://a.example", "event_types": ("record.*",),
        "object": "deal", "filter_json": f'{{"size": {{"lt": {number}}}}}',
        "payload": PayloadKind.FAT, "headers": {}, "ordered": False, "rate_limit": 0,
        "state": SubscriptionState.ENABLED, "state_reason": "", "created_by": "ada",
        "create_time": now() - timedelta(days=1), "update_time": now(),
    }  # fmt: skip
    return Subscription(**values | more)


def event(size: int, kind: str = "record.updated", **more: Any) -> Envelope:
    data = {"record_id": str(ids.new_id()), "version": 2, "fields": {"size": size}}
    values: dict[str, Any] = {
        "id": ids.new_id(), "type": kind, "source": "records", "workspace_id": WORKSPACE,
        "aggregate_type": kind.split(".", maxsplit=1)[0], "aggregate_id": ids.new_id(),
        "aggregate_version": 2, "object": "deal", "schema_version": 1, "actor": {"id": "ada"},
        "occurred_at": now(), "traceparent": "", "root_id": "", "causation_id": "", "depth": 0,
        "chain": (), "data": msgspec.Raw(msgspec.json.encode(data)),
    }  # fmt: skip
    return Envelope(**values | more)


def matcher() -> tuple[Matcher, Nowhere]:
    relatives = Nowhere()
    return Matcher(cast("Definitions", Defined()), cast("Relatives", relatives)), relatives


async def test_an_event_is_read_and_written_once_for_all_subscriptions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[UUID] = []
    written: list[UUID] = []
    document, body = Envelope.document, bodies.body

    def reading(self: Envelope) -> dict[str, Any]:
        read.append(self.id)
        return document(self)

    def writing(one: Envelope, payload: PayloadKind) -> str:
        written.append(one.id)
        return body(one, payload)

    monkeypatch.setattr(Envelope, "document", reading)
    monkeypatch.setattr(bodies, "body", writing)
    events = [event(size) for size in range(10)]
    found = await matcher()[0].match([subscription(number) for number in range(11)], events)
    assert [len(found.new[one.id]) for one in events] == list(range(10, 0, -1))
    assert sorted(read) == sorted(written) == sorted(one.id for one in events)


async def test_each_event_goes_where_its_type_time_and_object_are_wanted() -> None:
    old = event(1, occurred_at=now() - timedelta(days=2))
    new, note, other = event(1), event(1, "note.created"), event(1, object="firm")
    whole = {"filter_json": "", "object": ""}
    every = subscription(0, event_types=("*",), **whole)
    deals, notes = subscription(9), subscription(0, event_types=("note.*",), **whole)
    wanted = [every, deals, notes]
    found = await matcher()[0].match(wanted, [old, new, note, other, new])
    goes = {
        one.id: [delivery.subscription_id for delivery in found.new.get(one.id, ())]
        for one in (old, new, note, other)
    }
    assert goes == {
        old.id: [],
        new.id: [every.id, deals.id],
        note.id: [every.id, notes.id],
        other.id: [every.id],
    }
    history = await matcher()[0].match([deals], [old, new], history=True)
    assert [one.event_id for one in history.of([new, old])] == [new.id, old.id]


async def test_related_records_are_asked_for_with_the_events_of_each_filter_alone() -> None:
    going = {"filter_json": '{"firm.name": {"is_empty": true}}'}
    early, late = subscription(0, **going), subscription(0, **going, create_time=now())
    before, after = event(1, occurred_at=now() - timedelta(hours=1)), event(2)
    matching, relatives = matcher()
    found = await matching.match([early, late], [before, after])
    assert [len(one.records) for one in relatives.asked] == [2, 1]
    assert [len(found.new[one.id]) for one in (before, after)] == [1, 2]
