"""The log: events in the order in which they were committed here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
from services.events.model import EventQuery, LoggedEvent

_COLUMNS = (
    "position, event_id, type, source, aggregate_type, aggregate_id, aggregate_version, object,"
    " schema_version, data, actor, trace_id, root_id, causation_id, depth, occurred_at"
)
# One appender of a workspace at a time, until its commit: positions then are in commit order, and
# who has read up to one of them has missed none before it.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))"
_APPEND = """
INSERT INTO domain_events (workspace_id, event_id, type, source, aggregate_type, aggregate_id,
  aggregate_version, object, schema_version, data, actor, actor_id, trace_id, root_id, causation_id,
  depth, occurred_at)
SELECT %s, * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::int8[],
  %s::text[], %s::int2[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
  %s::int2[], %s::timestamptz[])"""

# From one type to the next along the index: as many steps as types, however long the log is.
_TYPES = """
WITH RECURSIVE found AS (
  (SELECT type FROM domain_events WHERE workspace_id = %(workspace_id)s ORDER BY type LIMIT 1)
  UNION ALL
  SELECT (SELECT e.type FROM domain_events AS e
          WHERE e.workspace_id = %(workspace_id)s AND e.type > found.type
          ORDER BY e.type LIMIT 1)
  FROM found WHERE found.type IS NOT NULL
)
SELECT type FROM found WHERE type IS NOT NULL"""


async def append(tx: Tx, workspace_id: UUID, events: Sequence[tuple[Any, ...]]) -> None:
    """Add events in this order, each as (event_id, type, source, aggregate_type, aggregate_id,
    aggregate_version, object, schema_version, data, actor, actor_id, trace_id, root_id,
    causation_id, depth, occurred_at)."""
    await tx.run(_LOCK, [f"events-log:{workspace_id}"])
    await tx.run(_APPEND, [workspace_id, *map(list, zip(*events, strict=True))])


async def get(tx: Tx, workspace_id: UUID, event_id: UUID) -> LoggedEvent | None:
    sql = f"SELECT {_COLUMNS} FROM domain_events WHERE workspace_id = %s AND event_id = %s"
    row = await tx.maybe(sql, [workspace_id, event_id])
    return LoggedEvent(**row) if row else None


async def last_position(tx: Tx, workspace_id: UUID) -> int:
    """Of the newest event; 0 for an empty log."""
    sql = (
        "SELECT position FROM domain_events WHERE workspace_id = %s ORDER BY position DESC LIMIT 1"
    )
    return int(await tx.value(sql, [workspace_id]) or 0)


async def types(tx: Tx, workspace_id: UUID) -> set[str]:
    """Every type that an event of the log has."""
    rows = await tx.all(_TYPES, {"workspace_id": workspace_id})
    return {row["type"] for row in rows}


async def count(tx: Tx, workspace_id: UUID, query: EventQuery, after: int, up_to: int) -> int:
    """Of events behind `after`, `up_to` included."""
    where, params = _conditions(workspace_id, query)
    params |= {"after": after, "up_to": up_to}
    sql = f"SELECT count(*) FROM domain_events WHERE {where} AND position > %(after)s"
    return int(await tx.value(f"{sql} AND position <= %(up_to)s", params))


async def roots_of(
    tx: Tx, workspace_id: UUID, aggregate_type: str, aggregate_id: UUID, *, limit: int
) -> list[str]:
    """Where the chains of the thing's newest events begin."""
    rows = await tx.all(
        "SELECT DISTINCT root_id FROM (SELECT root_id FROM domain_events WHERE workspace_id = %s"
        " AND aggregate_id = %s AND aggregate_type = %s ORDER BY position DESC LIMIT %s) AS e",
        [workspace_id, aggregate_id, aggregate_type, limit],
    )
    return [row["root_id"] for row in rows]


async def of_roots(
    tx: Tx, workspace_id: UUID, roots: Sequence[str], *, limit: int
) -> list[LoggedEvent]:
    """The events of those chains, in log order."""
    where = "workspace_id = %(workspace_id)s AND root_id = ANY(%(roots)s)"
    params: dict[str, Any] = {"workspace_id": workspace_id, "roots": list(roots)}
    return await _select(tx, where, params, "ASC", limit)


async def page(
    tx: Tx, workspace_id: UUID, query: EventQuery, after: int | None, *, newest: bool, limit: int
) -> list[LoggedEvent]:
    """Events beyond a position, towards the newest, or the oldest with `newest`."""
    where, params = _conditions(workspace_id, query)
    if after is not None:
        where += f" AND position {'<' if newest else '>'} %(after)s"
        params["after"] = after
    return await _select(tx, where, params, "DESC" if newest else "ASC", limit)


async def between(
    tx: Tx, workspace_id: UUID, query: EventQuery, after: int, up_to: int, *, limit: int
) -> list[LoggedEvent]:
    """The first events behind `after`, `up_to` included."""
    where, params = _conditions(workspace_id, query)
    where += " AND position > %(after)s AND position <= %(up_to)s"
    return await _select(tx, where, params | {"after": after, "up_to": up_to}, "ASC", limit)


async def _select(
    tx: Tx, where: str, params: dict[str, Any], direction: str, limit: int
) -> list[LoggedEvent]:
    rows: list[Row] = await tx.all(
        f"SELECT {_COLUMNS} FROM domain_events WHERE {where}"
        f" ORDER BY position {direction} LIMIT %(limit)s",
        params | {"limit": limit},
    )
    return [LoggedEvent(**row) for row in rows]


def _conditions(workspace_id: UUID, query: EventQuery) -> tuple[str, dict[str, Any]]:
    parts = ["workspace_id = %(workspace_id)s"]
    params: dict[str, Any] = {"workspace_id": workspace_id}

    def add(condition: str, name: str, value: str | UUID | datetime | list[str] | None) -> None:
        if value is not None:
            parts.append(condition)
            params[name] = value

    if query.types or query.patterns:
        parts.append("(type = ANY(%(types)s) OR type LIKE ANY(%(patterns)s))")
        params |= {"types": list(query.types), "patterns": list(query.patterns)}
    add("object = %(object)s", "object", query.object)
    add("aggregate_id = %(aggregate_id)s", "aggregate_id", query.aggregate_id)
    add("actor_id = %(actor_id)s", "actor_id", query.actor_id)
    add("trace_id = %(trace_id)s", "trace_id", query.trace_id)
    add("root_id = %(root_id)s", "root_id", query.root_id)
    add("occurred_at >= %(from_time)s", "from_time", query.from_time)
    add("occurred_at < %(to_time)s", "to_time", query.to_time)
    return " AND ".join(parts), params
