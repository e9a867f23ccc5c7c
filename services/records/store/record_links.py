"""Keep both ends of each link between records, for filters that go through links."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from kit.db import Tx

# In the order of their ids, so that two writers never wait for each other in a circle.
_PUT = """
INSERT INTO record_links
  (workspace_id, link_id, outward, link_type_id, record_id, other_id, version, live)
SELECT %(workspace_id)s, n.link_id, s.outward, n.link_type_id,
       CASE WHEN s.outward THEN n.source_id ELSE n.target_id END,
       CASE WHEN s.outward THEN n.target_id ELSE n.source_id END,
       n.version, n.live
FROM unnest(%(links)s::uuid[], %(types)s::uuid[], %(sources)s::uuid[], %(targets)s::uuid[],
            %(versions)s::bigint[], %(lives)s::boolean[])
       AS n (link_id, link_type_id, source_id, target_id, version, live)
CROSS JOIN (VALUES (true), (false)) AS s (outward)
ORDER BY n.link_id, s.outward
ON CONFLICT (workspace_id, link_id, outward) DO UPDATE SET
  record_id = excluded.record_id, other_id = excluded.other_id,
  version = excluded.version, live = excluded.live
WHERE record_links.version < excluded.version"""
_VERSIONS = """
SELECT link_id, version, live FROM record_links
WHERE workspace_id = %s AND link_id > %s AND outward ORDER BY link_id LIMIT %s"""
_DROP = "DELETE FROM record_links WHERE workspace_id = %s AND link_id = ANY(%s)"


class Link(NamedTuple):
    """A version of a link between two records."""

    id: UUID
    type_id: UUID
    source_id: UUID
    target_id: UUID
    version: int
    live: bool


async def put(tx: Tx, workspace_id: UUID, links: Sequence[Link]) -> None:
    """Take these versions on, where they are newer than what is known; each link stands once."""
    if not links:
        return
    params = {
        "workspace_id": workspace_id,
        "links": [one.id for one in links],
        "types": [one.type_id for one in links],
        "sources": [one.source_id for one in links],
        "targets": [one.target_id for one in links],
        "versions": [one.version for one in links],
        "lives": [one.live for one in links],
    }
    await tx.run(_PUT, params)


class Known(NamedTuple):
    """What is known of a link."""

    id: UUID
    version: int
    live: bool


async def versions(tx: Tx, workspace_id: UUID, after: UUID | None, limit: int) -> list[Known]:
    """What is known of the links behind one, in the order of their ids."""
    rows = await tx.tuples(_VERSIONS, [workspace_id, after or UUID(int=0), limit])
    return [Known(*row) for row in rows]


async def drop(tx: Tx, workspace_id: UUID, link_ids: Sequence[UUID]) -> None:
    """Forget links that are no more."""
    if link_ids:
        await tx.send(_DROP, [workspace_id, sorted(link_ids)])
