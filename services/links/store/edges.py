"""Write edges: insert, change, soft-delete, bring back, purge."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx, on_violation
from kit.errors import AlreadyExists, FailedPrecondition
from planes.nodes import Node
from services.links.logic import types
from services.links.model import Link, NewLink
from services.links.store.rows import COLUMNS, PREFIXED, jsonb, link

# A place after all others without reading them: the present time. A batch keeps its order.
_INSERT = f"""
INSERT INTO links AS l (workspace_id, {COLUMNS}, one_target, one_source)
SELECT %(workspace_id)s, n.link_id, n.link_type_id, n.source_kind, n.source_id, n.target_kind,
       n.target_id, n.attributes, coalesce(nullif(n.position, 0),
       extract(epoch FROM clock_timestamp()) * 1000 + n.number * 0.001),
       'link', 1, %(actor)s, now(), now(), n.one_target, n.one_source
FROM unnest(%(ids)s::uuid[], %(types)s::uuid[], %(source_kinds)s::text[], %(source_ids)s::uuid[],
     %(target_kinds)s::text[], %(target_ids)s::uuid[], %(attributes)s::jsonb[],
     %(positions)s::float8[], %(one_targets)s::bool[], %(one_sources)s::bool[])
     WITH ORDINALITY AS n (link_id, link_type_id, source_kind, source_id, target_kind, target_id,
     attributes, position, one_target, one_source, number)
RETURNING {PREFIXED}"""
_CLAIM = """
INSERT INTO symmetric_ends (workspace_id, link_type_id, node_id, node_kind, link_id)
SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[])"""
_UPDATE = f"""
UPDATE links AS l SET attributes = %(attributes)s, position = %(position)s,
       version = version + 1, update_time = now()
WHERE workspace_id = %(workspace_id)s AND link_id = %(link_id)s AND delete_time IS NULL
RETURNING {PREFIXED}"""
_SOFT_DELETE = f"""
UPDATE links AS l SET delete_time = now(), delete_operation_id = %(operation_id)s,
       version = version + 1, update_time = now()
WHERE workspace_id = %(workspace_id)s AND delete_time IS NULL AND {{which}}
RETURNING {PREFIXED}"""
_BY_ID = "link_id = ANY(%(ids)s)"
_BY_SOURCE = "source_id = %(node_id)s AND source_kind = %(kind)s"
_BY_TARGET = "target_id = %(node_id)s AND target_kind = %(kind)s"
_UNCLAIM = "DELETE FROM symmetric_ends WHERE workspace_id = %s AND link_id = ANY(%s)"
_PURGE = "DELETE FROM links WHERE workspace_id = %s AND {which} AND delete_time {state}"


async def insert(
    tx: Tx, workspace_id: UUID, actor: Mapping[str, str], new: Sequence[NewLink]
) -> list[Link]:
    """Insert and return the links, in the order given.

    ALREADY_EXISTS / LINK_EXISTS, FAILED_PRECONDITION / CARDINALITY_EXCEEDED by the constraints.
    """
    params = {
        "workspace_id": workspace_id,
        "actor": jsonb(dict(actor)),
        "ids": [n.id for n in new],
        "types": [UUID(n.type.id) for n in new],
        "source_kinds": [n.source.kind for n in new],
        "source_ids": [n.source.id for n in new],
        "target_kinds": [n.target.kind for n in new],
        "target_ids": [n.target.id for n in new],
        "attributes": [jsonb(dict(n.attributes)) for n in new],
        "positions": [n.position for n in new],
        "one_targets": [types.one_target(n.type) for n in new],
        "one_sources": [types.one_source(n.type) for n in new],
    }
    taken = AlreadyExists("LINK_EXISTS", "a link with this id exists")
    exists = AlreadyExists("LINK_EXISTS", "the two nodes have a link of this type")
    with (
        on_violation("pk_links", taken),
        on_violation("uq_links_pair", exists),
        on_violation("uq_links_one_target", _exceeded("the source has its one link of this type")),
        on_violation("uq_links_one_source", _exceeded("the target has its one link of this type")),
    ):
        rows = await tx.all(_INSERT, params)
    await _claim(tx, workspace_id, [n for n in new if types.claims_ends(n.type)])
    by_id = {row["link_id"]: link(row) for row in rows}
    return [by_id[n.id] for n in new]


def _exceeded(message: str) -> FailedPrecondition:
    return FailedPrecondition("CARDINALITY_EXCEEDED", message)


async def _claim(tx: Tx, workspace_id: UUID, new: Sequence[NewLink]) -> None:
    if not new:
        return
    ends = [(UUID(n.type.id), end.id, end.kind, n.id) for n in new for end in (n.source, n.target)]
    with on_violation("pk_symmetric_ends", _exceeded("an end has its one link of this type")):
        await tx.run(_CLAIM, [workspace_id, *map(list, zip(*ends, strict=True))])


async def update(
    tx: Tx, workspace_id: UUID, link_id: UUID, attributes: Mapping[str, Any], position: float
) -> Link:
    params = {
        "workspace_id": workspace_id,
        "link_id": link_id,
        "attributes": jsonb(dict(attributes)),
        "position": position,
    }
    return link(await tx.one(_UPDATE, params))


async def delete(
    tx: Tx, workspace_id: UUID, operation_id: UUID, link_ids: Sequence[UUID]
) -> list[Link]:
    """Soft-delete live links by id, as part of one operation."""
    params = {"workspace_id": workspace_id, "operation_id": operation_id, "ids": list(link_ids)}
    rows = await tx.all(_SOFT_DELETE.format(which=_BY_ID), params)
    return await _unclaim(tx, workspace_id, [link(row) for row in rows])


async def delete_of(tx: Tx, workspace_id: UUID, operation_id: UUID, node: Node) -> list[Link]:
    """Soft-delete every live link of a node, as part of one operation."""
    params = {
        "workspace_id": workspace_id,
        "operation_id": operation_id,
        "node_id": node.id,
        "kind": node.kind,
    }
    rows = await tx.all(_SOFT_DELETE.format(which=_BY_SOURCE), params)
    rows += await tx.all(_SOFT_DELETE.format(which=_BY_TARGET), params)
    return await _unclaim(tx, workspace_id, [link(row) for row in rows])


async def _unclaim(tx: Tx, workspace_id: UUID, links: list[Link]) -> list[Link]:
    if links:
        await tx.send(_UNCLAIM, [workspace_id, [one.id for one in links]])
    return links


async def purge_of(tx: Tx, workspace_id: UUID, node: Node) -> None:
    """Remove a node's links for ever, live and deleted."""
    for end in ("source", "target"):
        for state in ("IS NULL", "IS NOT NULL"):  # one index each
            which = f"{end}_id = %s AND {end}_kind = %s"
            query = _PURGE.format(which=which, state=state)
            await tx.send(query, [workspace_id, node.id, node.kind])
