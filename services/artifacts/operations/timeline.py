"""Write what happened into the timelines of its targets."""

from collections.abc import Sequence
from uuid import UUID

from kit import ids, outbox, telemetry
from kit.caller import Caller
from kit.db import Tx
from planes.nodes import Node
from services.artifacts import events
from services.artifacts.model import FieldChanges, Item
from services.artifacts.store import targets
from services.artifacts.store import timeline as store


async def comment(tx: Tx, caller: Caller, target: Node, text: str) -> Item:
    """A person's words, in the timeline at once and announced."""
    item = Item(
        id=ids.new_id(),
        target=target,
        type="comment",
        data={"text": text},
        actor=caller.actor(),
        occurred_at=await store.now(tx),
        event_id=ids.new_id(),
        trace_id=telemetry.trace_id(),
    )
    await store.add(tx, caller.workspace_id, [item])
    await outbox.add(tx, caller, events.comment_created(item))
    return item


async def record(tx: Tx, workspace_id: UUID, happened: Sequence[Item | FieldChanges]) -> None:
    """Add items; field changes of one actor on one record within five minutes become one."""
    await store.add(tx, workspace_id, [one for one in happened if isinstance(one, Item)])
    for one in happened:
        if isinstance(one, FieldChanges):
            await store.fold(tx, workspace_id, one)


async def purged(tx: Tx, workspace_id: UUID, target: Node) -> None:
    """A record is gone for ever: detach what it carried, and forget what happened to it."""
    await targets.forget_target(tx, workspace_id, target)
    await store.forget_target(tx, workspace_id, target)


async def merged(tx: Tx, workspace_id: UUID, loser: Node, winner: Node) -> None:
    """A record became part of another: what it carried is the other's; its past stays its own."""
    await targets.move(tx, workspace_id, loser, winner)
