"""Subscriptions, their secrets, and the lane that paces each one's deliveries."""

import json
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
from kit.errors import NotFound
from services.events.model import PayloadKind, Subscription, SubscriptionState

_COLUMNS = (
    "id, name, url, event_types, object, filter_json, payload, headers, ordered, rate_limit, state,"
    " state_reason, created_by, create_time, update_time, coalesce_seconds"
)
_INSERT = f"""
INSERT INTO subscriptions (workspace_id, id, name, url, event_types, object, filter_json, payload,
  headers, ordered, rate_limit, state, created_by, coalesce_seconds)
VALUES (%(workspace_id)s, %(id)s, %(name)s, %(url)s, %(event_types)s, %(object)s, %(filter_json)s,
  %(payload)s, %(headers)s, %(ordered)s, %(rate_limit)s, %(state)s, %(created_by)s,
  %(coalesce_seconds)s)
RETURNING {_COLUMNS}"""
_INSERT_LANE = """
INSERT INTO delivery_lanes (workspace_id, subscription_id, enabled, ordered, rate, acts_as)
VALUES (%s, %s, %s, %s, %s, %s)"""
# Always the lane first, then the subscription, then deliveries: nobody waits in a circle.
_LOCK_LANE = """
SELECT FROM delivery_lanes WHERE workspace_id = %s AND subscription_id = %s FOR UPDATE"""
_SYNC_LANE = """
UPDATE delivery_lanes AS l
SET enabled = s.state = 'enabled', ordered = s.ordered, rate = s.rate_limit,
    failures = CASE WHEN s.state = 'enabled' AND NOT l.enabled THEN 0 ELSE l.failures END,
    open_until = CASE WHEN s.state = 'enabled' AND NOT l.enabled THEN NULL ELSE l.open_until END,
    next_due = CASE WHEN EXISTS (SELECT FROM delivery_queue AS q WHERE
        q.workspace_id = l.workspace_id AND q.subscription_id = l.subscription_id)
      THEN now() END
FROM subscriptions AS s
WHERE l.workspace_id = %(workspace_id)s AND l.subscription_id = %(id)s
  AND s.workspace_id = %(workspace_id)s AND s.id = %(id)s"""
_CHANGEABLE = (
    "name",
    "url",
    "event_types",
    "object",
    "filter_json",
    "payload",
    "headers",
    "ordered",
    "rate_limit",
    "coalesce_seconds",
    "state",
    "state_reason",
)


def _subscription(row: Row) -> Subscription:
    values = dict(row)
    values["event_types"] = tuple(row["event_types"])
    values["headers"] = json.loads(row["headers"])
    values["payload"] = PayloadKind(row["payload"])
    values["state"] = SubscriptionState(row["state"])
    return Subscription(**values)


def unknown(subscription_id: UUID) -> NotFound:
    return NotFound("SUBSCRIPTION_NOT_FOUND", f"there is no subscription {subscription_id}")


async def insert(tx: Tx, workspace_id: UUID, new: dict[str, Any]) -> Subscription:
    """Store it with a lane of its own; `new` has the values of its columns."""
    values = new | {"workspace_id": workspace_id, "headers": json.dumps(new["headers"])}
    stored = _subscription(await tx.one(_INSERT, values))
    enabled = stored.state is SubscriptionState.ENABLED
    lane = [enabled, stored.ordered, stored.rate_limit, stored.created_by]
    await tx.run(_INSERT_LANE, [workspace_id, stored.id, *lane])
    return stored


async def get(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> Subscription:
    """NOT_FOUND / SUBSCRIPTION_NOT_FOUND where there is none."""
    sql = f"SELECT {_COLUMNS} FROM subscriptions WHERE workspace_id = %s AND id = %s"
    row = await tx.maybe(sql, [workspace_id, subscription_id])
    if row is None:
        raise unknown(subscription_id)
    return _subscription(row)


async def locked(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> Subscription | None:
    """With its lane, until the transaction ends; None where there is none."""
    await tx.run(_LOCK_LANE, [workspace_id, subscription_id])
    row = await tx.maybe(
        f"SELECT {_COLUMNS} FROM subscriptions WHERE workspace_id = %s AND id = %s FOR UPDATE",
        [workspace_id, subscription_id],
    )
    return _subscription(row) if row else None


async def page(tx: Tx, workspace_id: UUID, after: UUID | None, *, limit: int) -> list[Subscription]:
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM subscriptions WHERE workspace_id = %s"
        " AND (%s::uuid IS NULL OR id > %s) ORDER BY id LIMIT %s",
        [workspace_id, after, after, limit],
    )
    return [_subscription(row) for row in rows]


async def enabled(tx: Tx, workspace_id: UUID) -> list[Subscription]:
    sql = f"SELECT {_COLUMNS} FROM subscriptions WHERE workspace_id = %s AND state = 'enabled'"
    return [_subscription(row) for row in await tx.all(sql, [workspace_id])]


async def update(
    tx: Tx, workspace_id: UUID, subscription_id: UUID, changes: dict[str, Any]
) -> Subscription:
    """Set the named columns, and have the lane follow; enabling forgets past failures."""
    await tx.run(_LOCK_LANE, [workspace_id, subscription_id])
    values = dict(changes)
    if "headers" in values:
        values["headers"] = json.dumps(values["headers"])
    sets = [f"{name} = %({name})s" for name in _CHANGEABLE if name in values]
    if values.get("state") == SubscriptionState.ENABLED:
        sets += ["failing_since = NULL", "notices = 0"]
    row = await tx.maybe(
        f"UPDATE subscriptions SET {', '.join([*sets, 'version = version + 1'])},"
        " update_time = now() WHERE workspace_id = %(workspace_id)s AND id = %(id)s"
        f" RETURNING {_COLUMNS}",
        values | {"workspace_id": workspace_id, "id": subscription_id},
    )
    if row is None:
        raise unknown(subscription_id)
    await tx.run(_SYNC_LANE, {"workspace_id": workspace_id, "id": subscription_id})
    return _subscription(row)


async def headers_page(
    tx: Tx, workspace_id: UUID, after: UUID | None, *, limit: int
) -> list[tuple[UUID, str]]:
    """Subscriptions in the order of their ids, with their headers as JSON."""
    rows = await tx.all(
        "SELECT id, headers FROM subscriptions WHERE workspace_id = %s"
        " AND (%s::uuid IS NULL OR id > %s) ORDER BY id LIMIT %s",
        [workspace_id, after, after, limit],
    )
    return [(row["id"], row["headers"]) for row in rows]


async def replace_headers(
    tx: Tx, workspace_id: UUID, subscription_id: UUID, headers: dict[str, str]
) -> None:
    """Say the same in another form: it counts as no change."""
    await tx.run(
        "UPDATE subscriptions SET headers = %s WHERE workspace_id = %s AND id = %s",
        [json.dumps(headers), workspace_id, subscription_id],
    )


async def version(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> int:
    sql = "SELECT version FROM subscriptions WHERE workspace_id = %s AND id = %s"
    return int(await tx.value(sql, [workspace_id, subscription_id]) or 0)


async def delete(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> Subscription:
    """Remove it, its secrets and its queue; what was not delivered stays visible as dead."""
    sql = f"DELETE FROM subscriptions WHERE workspace_id = %s AND id = %s RETURNING {_COLUMNS}"
    key = [workspace_id, subscription_id]
    await tx.run(_LOCK_LANE, key)
    row = await tx.maybe(sql, key)
    if row is None:
        raise unknown(subscription_id)
    for table in ("delivery_lanes", "delivery_queue", "subscription_secrets"):
        await tx.run(f"DELETE FROM {table} WHERE workspace_id = %s AND subscription_id = %s", key)
    await tx.run(
        "UPDATE deliveries SET state = 'dead', finish_time = now(), next_attempt_time = NULL,"
        " last_error = 'the subscription was deleted'"
        " WHERE workspace_id = %s AND subscription_id = %s AND state IN ('pending', 'delivering')",
        key,
    )
    return _subscription(row)


async def add_secret(
    tx: Tx,
    workspace_id: UUID,
    subscription_id: UUID,
    secret_id: UUID,
    sealed: bytes,
    *,
    overlap: float,
) -> None:
    """The new one signs first, the one before it signs along for so many seconds more, and older
    ones end at once: there are two at most. The subscription is locked by this transaction."""
    key = [workspace_id, subscription_id]
    await tx.run(
        "DELETE FROM subscription_secrets WHERE workspace_id = %s AND subscription_id = %s"
        " AND expire_time IS NOT NULL",
        key,
    )
    await tx.run(
        "UPDATE subscription_secrets SET expire_time = now() + make_interval(secs => %s)"
        " WHERE workspace_id = %s AND subscription_id = %s",
        [overlap, *key],
    )
    await tx.run(
        "INSERT INTO subscription_secrets (workspace_id, subscription_id, id, sealed)"
        " VALUES (%s, %s, %s, %s)",
        [*key, secret_id, sealed],
    )
