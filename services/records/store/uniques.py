"""Claim and free the values that must be unique; the constraint decides races."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from kit.db import Tx

_CLAIM = """
INSERT INTO value_unique (workspace_id, constraint_id, key_hash, record_id)
SELECT %s, * FROM unnest(%s::uuid[], %s::bytea[], %s::uuid[])
ON CONFLICT DO NOTHING RETURNING constraint_id, key_hash, record_id"""
_RELEASE = """
DELETE FROM value_unique AS u USING unnest(%s::uuid[], %s::bytea[], %s::uuid[])
  AS d (constraint_id, key_hash, record_id)
WHERE u.workspace_id = %s AND u.constraint_id = d.constraint_id AND u.key_hash = d.key_hash
  AND u.record_id = d.record_id"""
_HOLDERS = """
SELECT constraint_id, key_hash, record_id FROM value_unique
WHERE workspace_id = %s AND (constraint_id, key_hash) IN
  (SELECT * FROM unnest(%s::uuid[], %s::bytea[]))"""
_HELD = """
WITH w AS (SELECT * FROM unnest(%(ids)s::uuid[], %(hashes)s::bytea[]) AS w (id, hash))
SELECT constraint_id, key_hash, record_id, NULL AS delete_time
FROM value_unique WHERE workspace_id = %(workspace)s
  AND (constraint_id, key_hash) IN (SELECT id, hash FROM w)
UNION ALL
SELECT constraint_id, key_hash, record_id, delete_time
FROM value_freed WHERE workspace_id = %(workspace)s
  AND (constraint_id, key_hash) IN (SELECT id, hash FROM w)
ORDER BY delete_time, record_id"""
_KEEP_FREED = """
INSERT INTO value_freed (workspace_id, constraint_id, key_hash, record_id)
SELECT %s, * FROM unnest(%s::uuid[], %s::bytea[], %s::uuid[]) ON CONFLICT DO NOTHING"""
_FORGET_FREED = (
    "DELETE FROM value_freed WHERE workspace_id = %s AND record_id = ANY(%s)"
    " AND constraint_id = ANY(%s)"
)


class Claim(NamedTuple):
    constraint_id: UUID
    key_hash: bytes
    record_id: UUID


def _columns(claims: Sequence[Claim]) -> list[list[object]]:
    """In key order, so that writers meet in one order; of a request's own twins the first wins."""
    ordered = sorted(claims, key=lambda claim: claim[:2])
    return [list(column) for column in zip(*ordered, strict=True)]


async def claim(tx: Tx, workspace_id: UUID, claims: Sequence[Claim]) -> list[Claim]:
    """Take the values; returns those that another live record has, which were not taken. Waits
    for concurrent transactions that are taking the same."""
    if not claims:
        return []
    rows = await tx.all(_CLAIM, [workspace_id, *_columns(claims)])
    taken = {(r["constraint_id"], bytes(r["key_hash"]), r["record_id"]) for r in rows}
    return [c for c in claims if tuple(c) not in taken]


async def release(tx: Tx, workspace_id: UUID, claims: Sequence[Claim]) -> None:
    if claims:
        await tx.send(_RELEASE, [*_columns(claims), workspace_id])


async def holders(
    tx: Tx, workspace_id: UUID, keys: Sequence[tuple[UUID, bytes]]
) -> dict[tuple[UUID, bytes], UUID]:
    """Which live record has each value, where one has."""
    if not keys:
        return {}
    rows = await tx.all(_HOLDERS, [workspace_id, [k[0] for k in keys], [k[1] for k in keys]])
    return {(r["constraint_id"], bytes(r["key_hash"])): r["record_id"] for r in rows}


async def held(
    tx: Tx, workspace_id: UUID, keys: Sequence[tuple[UUID, bytes]]
) -> tuple[dict[tuple[UUID, bytes], UUID], dict[tuple[UUID, bytes], UUID]]:
    """Which live record has each value, and which deleted one had it, the one deleted last. Both
    of one snapshot: a record on its way from one to the other is never missed."""
    live: dict[tuple[UUID, bytes], UUID] = {}
    deleted: dict[tuple[UUID, bytes], UUID] = {}
    params = {
        "workspace": workspace_id,
        "ids": [k[0] for k in keys],
        "hashes": [k[1] for k in keys],
    }
    for row in await tx.all(_HELD, params) if keys else ():
        found = live if row["delete_time"] is None else deleted
        found[row["constraint_id"], bytes(row["key_hash"])] = row["record_id"]
    return live, deleted


async def keep_freed(tx: Tx, workspace_id: UUID, claims: Sequence[Claim]) -> None:
    if claims:
        await tx.send(_KEEP_FREED, [workspace_id, *_columns(claims)])


async def forget_freed(tx: Tx, workspace_id: UUID, claims: Sequence[Claim]) -> None:
    if claims:
        ids, constraints = {c.record_id for c in claims}, {c.constraint_id for c in claims}
        await tx.send(_FORGET_FREED, [workspace_id, list(ids), list(constraints)])
