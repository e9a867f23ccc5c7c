"""Keep what happened to each target, newest first by one index scan."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from kit.db import Row, Tx
from planes.nodes import Node
from services.artifacts.logic import folding
from services.artifacts.model import FieldChanges, Item, Place

_COLUMNS = "item_id, target_kind, target_id, type, data, actor, occurred_at, event_id, trace_id"
_INSERT = f"""
INSERT INTO timeline_items (workspace_id, {_COLUMNS}, fold_actor, fold_versions)
SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::jsonb[], %s::jsonb[],
  %s::timestamptz[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[])
ON CONFLICT DO NOTHING"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))"
_OPEN = """
SELECT item_id, data, fold_versions FROM timeline_items
WHERE workspace_id = %(workspace_id)s AND target_id = %(target_id)s
  AND target_kind = %(target_kind)s AND fold_actor = %(actor)s
  AND occurred_at >= %(time)s - %(window)s AND occurred_at <= %(time)s + %(window)s
ORDER BY occurred_at DESC LIMIT 1"""
_FOLD = """
UPDATE timeline_items SET data = %s, fold_versions = %s WHERE workspace_id = %s AND item_id = %s"""
_FORGET = """
DELETE FROM timeline_items WHERE workspace_id = %s AND target_id = %s AND target_kind = %s"""


def _item(row: Row) -> Item:
    return Item(
        id=row["item_id"],
        target=Node(row["target_kind"], row["target_id"]),
        type=row["type"],
        data=row["data"],
        actor=row["actor"],
        occurred_at=row["occurred_at"],
        event_id=row["event_id"],
        trace_id=row["trace_id"],
    )


async def add(tx: Tx, workspace_id: UUID, items: Sequence[Item]) -> None:
    """Those that are new: an event has one item for each target."""
    if items:
        await _insert(tx, workspace_id, [(item, None, None) for item in items])


async def _insert(
    tx: Tx, workspace_id: UUID, rows: Sequence[tuple[Item, str | None, Jsonb | None]]
) -> None:
    columns: list[list[Any]] = [
        [i.id for i, _, _ in rows],
        [i.target.kind for i, _, _ in rows],
        [i.target.id for i, _, _ in rows],
        [i.type for i, _, _ in rows],
        [Jsonb(dict(i.data)) for i, _, _ in rows],
        [Jsonb(dict(i.actor)) for i, _, _ in rows],
        [i.occurred_at for i, _, _ in rows],
        [i.event_id for i, _, _ in rows],
        [i.trace_id for i, _, _ in rows],
        [actor for _, actor, _ in rows],
        [versions for _, _, versions in rows],
    ]
    await tx.send(_INSERT, [workspace_id, *columns])


async def fold(tx: Tx, workspace_id: UUID, new: FieldChanges) -> None:
    """Add field changes to the item of the same actor within the window, or as a new item."""
    item = new.item
    actor = f"{item.actor.get('kind')}:{item.actor.get('id')}"
    await tx.send(_LOCK, [f"{workspace_id}{item.target.id}"])
    params = {
        "workspace_id": workspace_id,
        "target_id": item.target.id,
        "target_kind": item.target.kind,
        "actor": actor,
        "time": item.occurred_at,
        "window": folding.WINDOW,
    }
    row = await tx.maybe(_OPEN, params)
    if row is None:
        changes, versions = folding.folded({}, {}, new.changes, new.version)
        whole = Item(
            **{n: getattr(item, n) for n in item.__slots__} | {"data": _data(item, changes)}
        )
        await _insert(tx, workspace_id, [(whole, actor, Jsonb(versions))])
        return
    present = row["data"]
    changes, versions = folding.folded(
        present["changes"], row["fold_versions"], new.changes, new.version
    )
    data = present | {"changes": changes, "changed_fields": list(changes)}
    data["version"] = max(present["version"], new.version)
    await tx.send(_FOLD, [Jsonb(data), Jsonb(versions), workspace_id, row["item_id"]])


def _data(item: Item, changes: folding.Changes) -> dict[str, Any]:
    return dict(item.data) | {"changes": changes, "changed_fields": list(changes)}


async def page(
    tx: Tx,
    workspace_id: UUID,
    target: Node,
    types: Sequence[str],
    after: Place | None,
    limit: int,
) -> list[Item]:
    """Newest first; of `types`, where `*` stands for any part."""
    params: dict[str, Any] = {
        "workspace_id": workspace_id,
        "target_id": target.id,
        "target_kind": target.kind,
        "limit": limit,
    }
    where = ""
    if types:
        where += " AND type LIKE ANY(%(types)s)"
        params["types"] = [re.sub(r"([%_\\])", r"\\\1", t).replace("*", "%") for t in types]
    if after:
        where += " AND (occurred_at, item_id) < (%(time)s, %(item_id)s)"
        params |= {"time": after.time, "item_id": after.id}
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM timeline_items WHERE workspace_id = %(workspace_id)s"
        f" AND target_id = %(target_id)s AND target_kind = %(target_kind)s{where}"
        " ORDER BY occurred_at DESC, item_id DESC LIMIT %(limit)s",
        params,
    )
    return [_item(row) for row in rows]


async def now(tx: Tx) -> datetime:
    found: datetime = await tx.value("SELECT clock_timestamp()")
    return found


async def forget_target(tx: Tx, workspace_id: UUID, target: Node) -> None:
    await tx.send(_FORGET, [workspace_id, target.id, target.kind])
