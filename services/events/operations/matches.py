"""Find which subscriptions an event goes to, filters included, and make the deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from kit import ids
from kit.clock import now
from kit.envelope import Envelope
from kit.errors import NotFound
from planes.definitions import Definitions
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


class Matcher:
    """Holds compiled filters. Asks the metadata plane, so it is never used in a transaction."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._compiled: dict[tuple[UUID, object, int, int], matching.Predicate] = {}

    async def match(
        self,
        subscriptions: Sequence[Subscription],
        events: Sequence[Envelope],
        *,
        history: bool = False,
    ) -> Matches:
        """With `history` also events from before a subscription was made."""
        found = Matches()
        for event in events:
            new = []
            for one in subscriptions:
                if one.id in found.broken or not matching.wants(one, event, history=history):
                    continue
                if await self._passes(one, event, found):
                    new.append(_delivery(one, event, 0 if history else one.coalesce_seconds))
            if new:
                found.new[event.id] = new
        return found

    async def _passes(self, subscription: Subscription, event: Envelope, found: Matches) -> bool:
        if not subscription.filter_json:
            return True
        if event.aggregate_type != "record":
            return False
        try:
            holds = await self._predicate(subscription, event.workspace_id)
        except (Invalid, NotFound) as exc:
            found.broken[subscription.id] = f"its filter no longer fits the object: {exc}"
            return False
        return holds(event.document())

    async def _predicate(
        self, subscription: Subscription, workspace_id: UUID
    ) -> matching.Predicate:
        workspace, obj = await self._definitions.object(workspace_id, subscription.object)
        moment = now()
        window = int(moment.timestamp() // _COMPILED_SECONDS)
        key = (subscription.id, subscription.update_time, workspace.version, window)
        if key not in self._compiled:
            if len(self._compiled) >= _MAX_COMPILED:
                self._compiled.clear()
            self._compiled[key] = matching.compile_filter(
                workspace, obj, subscription.filter_json, moment
            )
        return self._compiled[key]


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
