"""Find which subscriptions an event goes to, filters included, and make the deliveries.

Subscriptions are looked through once for each kind of event, and an event is read once, however
many of either there are: what is left for each pair of them is to judge a filter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kit import ids
from kit.clock import now
from kit.envelope import Envelope
from kit.errors import NotFound
from planes.definitions import Definitions
from planes.relatives import Asked, Relatives
from schema.compiled import CompiledObject, Workspace
from schema.problems import Invalid
from services.events.logic import bodies, matching
from services.events.model import NewDelivery, PayloadKind, Subscription
from services.events.operations import log

_COMPILED_SECONDS = 10.0  # relative dates in filters move on
_MAX_COMPILED = 10_000
_Predicate = tuple[CompiledObject, matching.Predicate]  # and of which object's records it judges


@dataclass(slots=True)
class Matches:
    """What events of one workspace lead to."""

    new: dict[UUID, list[NewDelivery]] = field(default_factory=dict)  # by event
    broken: dict[UUID, str] = field(default_factory=dict)  # subscription: why its filter fails

    def of(self, events: Sequence[Envelope]) -> list[NewDelivery]:
        """In the order of the events."""
        return [one for event in events for one in self.new.get(event.id, ())]


@dataclass(frozen=True, slots=True)
class _Held:
    """A filter, and what judges by it where it needs nothing but the record."""

    filter: matching.Filter
    predicate: matching.Predicate


@dataclass(frozen=True, slots=True)
class _Going:
    """A filter that needs related records, and of which ones."""

    filter: matching.Filter
    acts_as: str
    records: list[matching.Record]


@dataclass(slots=True)
class _Told:
    """An event, and what is made of it once for all subscriptions."""

    event: Envelope
    _data: dict[str, Any] | None = None
    # By object, which is kept so that no other gets its identity.
    _records: dict[int, tuple[CompiledObject, matching.Record | None]] = field(default_factory=dict)
    _bodies: dict[PayloadKind, str] = field(default_factory=dict)
    _trace_id: str | None = None

    def record(self, obj: CompiledObject) -> matching.Record | None:
        if self._data is None:
            self._data = self.event.document()
        if id(obj) not in self._records:
            self._records[id(obj)] = obj, matching.record_of(obj, self.event, self._data)
        return self._records[id(obj)][1]

    def body(self, payload: PayloadKind) -> str:
        if payload not in self._bodies:
            self._bodies[payload] = bodies.body(self.event, payload)
        return self._bodies[payload]

    def trace_id(self) -> str:
        if self._trace_id is None:
            self._trace_id = log.trace_id_of(self.event.traceparent)
        return self._trace_id


_Wanted = tuple[Subscription, Sequence[_Told]]


class Matcher:
    """Holds compiled filters. Asks other planes, so it is never used in a transaction."""

    def __init__(self, definitions: Definitions, relatives: Relatives) -> None:
        self._definitions = definitions
        self._relatives = relatives
        self._read: dict[tuple[UUID, object, int, int], _Held] = {}

    async def match(
        self,
        subscriptions: Sequence[Subscription],
        events: Sequence[Envelope],
        *,
        history: bool = False,
    ) -> Matches:
        """With `history` also events from before a subscription was made. Related records are
        those of now, as the subscription's creator may read them."""
        found = Matches()
        if not events:
            return found
        told = [_Told(event) for event in {event.id: event for event in events}.values()]
        wanted = list(_wanted(subscriptions, told, history=history))
        predicates = await self._predicates(events[0].workspace_id, wanted, found)
        for one, theirs in wanted:
            if one.id in found.broken:
                continue
            window = 0 if history else one.coalesce_seconds
            for it in _held_for(one, theirs, predicates):
                found.new.setdefault(it.event.id, []).append(_delivery(one, it, window))
        return found

    async def _predicates(
        self, workspace_id: UUID, wanted: Sequence[_Wanted], found: Matches
    ) -> dict[UUID, _Predicate]:
        """By subscription; those that can't be had are noted as broken."""
        ready: dict[UUID, _Predicate] = {}
        going_on: dict[int, tuple[Workspace, dict[UUID, _Going]]] = {}
        for one, events in wanted:
            if not one.filter_json or one.id in found.broken:
                continue
            try:
                workspace, held = await self._filter(one, workspace_id)
            except (Invalid, NotFound) as exc:
                found.broken[one.id] = _unfit(exc)
                continue
            ready[one.id] = (held.filter.obj, held.predicate)
            if held.filter.goes_on:
                theirs = going_on.setdefault(id(workspace), (workspace, {}))[1]
                going = theirs.setdefault(one.id, _Going(held.filter, one.created_by, []))
                records = (it.record(held.filter.obj) for it in events)
                going.records.extend(record for record in records if record is not None)
        for workspace, theirs in going_on.values():
            asked = [
                Asked(key, it.acts_as, it.filter.obj, it.filter.tree, it.records)
                for key, it in theirs.items()
                if it.filter.tree is not None
            ]
            for key, answer in (await self._relatives.reach(workspace, asked)).items():
                assert isinstance(key, UUID)
                if isinstance(answer, Invalid):
                    found.broken[key] = _unfit(answer)
                else:
                    own = theirs[key].filter
                    ready[key] = (own.obj, own.predicate(answer.related))
        return ready

    async def _filter(
        self, subscription: Subscription, workspace_id: UUID
    ) -> tuple[Workspace, _Held]:
        workspace, obj = await self._definitions.object(workspace_id, subscription.object)
        moment = now()
        window = int(moment.timestamp() // _COMPILED_SECONDS)
        key = (subscription.id, subscription.update_time, workspace.version, window)
        if key not in self._read:
            if len(self._read) >= _MAX_COMPILED:
                self._read.clear()
            made = matching.read_filter(workspace, obj, subscription.filter_json, moment)
            plain = _never if made.goes_on else made.predicate()
            self._read[key] = _Held(made, plain)
        return workspace, self._read[key]


def _wanted(
    subscriptions: Sequence[Subscription], told: Iterable[_Told], *, history: bool
) -> Iterator[_Wanted]:
    """By everything but the filter. Without `history`, only what happened since a subscription was
    made."""
    kinds: dict[tuple[str, str, str], list[_Told]] = {}
    for one in told:
        event = one.event
        kinds.setdefault((event.type, event.object, event.aggregate_type), []).append(one)
    for (kind, obj, about), events in kinds.items():
        first = min(one.event.occurred_at for one in events)
        for subscription in subscriptions:
            if not matching.wants(subscription, kind, obj, about):
                continue
            since = subscription.create_time
            theirs = events
            if not history and first < since:
                theirs = [one for one in events if one.event.occurred_at >= since]
            if theirs:
                yield subscription, theirs


def _held_for(
    subscription: Subscription, events: Sequence[_Told], predicates: Mapping[UUID, _Predicate]
) -> Iterable[_Told]:
    """Those for which its filter holds."""
    if not subscription.filter_json:
        return events
    obj, holds = predicates[subscription.id]
    records = ((one, one.record(obj)) for one in events)
    return [one for one, record in records if record is not None and holds(record)]


def _never(_record: matching.Record) -> bool:
    raise AssertionError("the related records were not fetched")


def _unfit(exc: Exception) -> str:
    return f"its filter no longer fits the object: {exc}"


def _delivery(subscription: Subscription, told: _Told, window: int) -> NewDelivery:
    event = told.event
    return NewDelivery(
        id=ids.new_id(),
        subscription_id=subscription.id,
        event_id=event.id,
        event_type=event.type,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        body=told.body(subscription.payload),
        traceparent=event.traceparent,
        trace_id=told.trace_id(),
        window=window,
    )
