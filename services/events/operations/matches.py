"""Find which subscriptions an event goes to, filters included, and make the deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from kit import ids
from kit.clock import now
from kit.envelope import Envelope
from kit.errors import NotFound
from planes.definitions import Definitions
from planes.relatives import Asked, Relatives
from schema.compiled import Workspace
from schema.problems import Invalid
from services.events.logic import bodies, matching
from services.events.model import NewDelivery, Subscription
from services.events.operations import log

_COMPILED_SECONDS = 10.0  # relative dates in filters move on
_MAX_COMPILED = 10_000


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
    records: Sequence[matching.Record]


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
        wanted = [
            (one, event)
            for event in events
            for one in subscriptions
            if matching.wants(one, event, history=history)
            and (not one.filter_json or event.aggregate_type == "record")
        ]
        predicates = await self._predicates(wanted, found)
        for one, event in wanted:
            if one.id in found.broken:
                continue
            if one.filter_json:
                read, holds = predicates[one.id]
                record = read.record_of(event.document())
                if record is None or not holds(record):
                    continue
            window = 0 if history else one.coalesce_seconds
            found.new.setdefault(event.id, []).append(_delivery(one, event, window))
        return found

    async def _predicates(
        self, wanted: Sequence[tuple[Subscription, Envelope]], found: Matches
    ) -> dict[UUID, tuple[matching.Filter, matching.Predicate]]:
        """By subscription; those that can't be had are noted as broken."""
        ready: dict[UUID, tuple[matching.Filter, matching.Predicate]] = {}
        going_on: dict[int, tuple[Workspace, dict[UUID, _Going]]] = {}
        for one, event in wanted:
            if not one.filter_json or one.id in ready or one.id in found.broken:
                continue
            try:
                workspace, held = await self._filter(one, event.workspace_id)
            except (Invalid, NotFound) as exc:
                found.broken[one.id] = _unfit(exc)
                continue
            ready[one.id] = (held.filter, held.predicate)
            if held.filter.goes_on:
                theirs = going_on.setdefault(id(workspace), (workspace, {}))[1]
                records = [
                    record
                    for other, its in wanted
                    if other.id == one.id
                    and (record := held.filter.record_of(its.document())) is not None
                ]
                theirs[one.id] = _Going(held.filter, one.created_by, records)
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
                    ready[key] = (own, own.predicate(answer.related))
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


def _never(_record: matching.Record) -> bool:
    raise AssertionError("the related records were not fetched")


def _unfit(exc: Exception) -> str:
    return f"its filter no longer fits the object: {exc}"


def _delivery(subscription: Subscription, event: Envelope, window: int) -> NewDelivery:
    return NewDelivery(
        id=ids.new_id(),
        subscription_id=subscription.id,
        event_id=event.id,
        event_type=event.type,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        body=bodies.body(event, subscription.payload),
        traceparent=event.traceparent,
        trace_id=log.trace_id_of(event.traceparent),
        window=window,
    )
