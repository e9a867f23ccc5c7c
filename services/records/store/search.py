"""Write what can be searched of records, and find candidates in it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.filters.columns import Params
from services.records.logic.search import Entry
from services.records.model import Query
from services.records.store.queries import conditions_of, page_columns

MAX_RANKED = 2000  # of an object; the best are sought among so many

_PUT = """
INSERT INTO search_entries AS e (workspace_id, record_id, vector, grams)
SELECT %(workspace)s::uuid, t.id, t.vector::tsvector, t.grams::int8[]
FROM unnest(%(ids)s::uuid[], %(vectors)s::text[], %(grams)s::text[]) AS t (id, vector, grams)
ON CONFLICT (workspace_id, record_id)
DO UPDATE SET vector = excluded.vector, grams = excluded.grams
WHERE e.vector <> excluded.vector OR e.grams <> excluded.grams"""
_REMOVE = "DELETE FROM search_entries WHERE workspace_id = %s AND record_id = ANY(%s)"
_PLACE = """
SELECT coalesce(after_id, '00000000-0000-0000-0000-000000000000') AS after
FROM search_builds WHERE workspace_id = %s FOR UPDATE"""
_UNBUILT = """
SELECT record_id, object_id, doc::text FROM records
WHERE workspace_id = %s AND record_id > %s AND delete_time IS NULL
ORDER BY record_id LIMIT %s FOR UPDATE"""

Found = tuple[Any, ...]


async def put(tx: Tx, workspace_id: UUID, entries: Sequence[tuple[UUID, Entry]]) -> None:
    """Write the entries of live records over those that they had; one statement, no wait."""
    if not entries:
        return
    ordered = sorted(entries, key=lambda pair: pair[0].int)
    params = {
        "workspace": workspace_id,
        "ids": [record_id for record_id, _ in ordered],
        "vectors": [entry.vector for _, entry in ordered],
        "grams": [f"{{{','.join(map(str, entry.grams))}}}" for _, entry in ordered],
    }
    await tx.collect(_PUT, params)


async def remove(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> None:
    """Take records out, as a delete does."""
    await tx.send(_REMOVE, [workspace_id, list(ids)])


async def found(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    slots: Sequence[UUID],
    words: Sequence[str],
    after: tuple[float, UUID] | None,
) -> list[Found]:
    """One row more than the limit, best first: the columns of a page, then the rank and how many
    records of the object match, at most MAX_RANKED."""
    params = Params()
    wanted = params.add(list(slots), "uuid[]")
    texts = params.texts(list(words))
    place = ""
    if after is not None:
        rank = params.add(after[0], "float8")
        last = params.add(after[1], "uuid")
        place = f" WHERE m.rank < {rank} OR (m.rank = {rank} AND m.record_id > {last})"
    workspace = params.add(workspace_id, "uuid")
    columns = page_columns(query, params)
    where = conditions_of(query, query.tree, params)
    sql = (
        f"SELECT {columns}, d.rank, d.matches FROM ("
        f"SELECT m.record_id, m.rank, m.matches FROM ("
        f"SELECT w.record_id, w.rank::float8 AS rank, count(*) OVER () AS matches"
        f" FROM word_matches({wanted}, {texts}, {MAX_RANKED}) AS w) AS m{place}"
        " ORDER BY m.rank DESC, m.record_id OFFSET 0) AS d"
        " CROSS JOIN LATERAL (SELECT r.* FROM records AS r"
        f" WHERE r.workspace_id = {workspace} AND r.record_id = d.record_id OFFSET 0) AS r"
        f" WHERE {' AND '.join(where)} ORDER BY d.rank DESC, d.record_id"
        f" LIMIT {int(query.limit) + 1}"
    )
    return await tx.tuples(sql, params.values)


async def tidy(tx: Tx) -> None:
    """Put what writes have queued into the index, so that searches need not read the queue."""
    await tx.run("SELECT search_tidy()")


# --- entries of records from before there were entries ---


async def builds(tx: Tx) -> list[UUID]:
    """The workspaces that lack entries."""
    rows = await tx.all("SELECT workspace_id FROM search_builds ORDER BY workspace_id")
    return [row["workspace_id"] for row in rows]


async def build_place(tx: Tx, workspace_id: UUID) -> UUID | None:
    """Behind which record the build goes on, locked until commit; None where there is none."""
    row = await tx.maybe(_PLACE, [workspace_id])
    return row["after"] if row is not None else None


async def unbuilt(tx: Tx, workspace_id: UUID, after: UUID, limit: int) -> list[Found]:
    """(record_id, object_id, document) of the next live records, locked until commit."""
    return await tx.tuples(_UNBUILT, [workspace_id, after, limit])


async def move_build(tx: Tx, workspace_id: UUID, after: UUID) -> None:
    """The records up to this one have their entries."""
    await tx.send(
        "UPDATE search_builds SET after_id = %s WHERE workspace_id = %s", [after, workspace_id]
    )


async def end_build(tx: Tx, workspace_id: UUID) -> None:
    """Every record has its entry: conditions on texts may use them from now on."""
    await tx.send("DELETE FROM search_builds WHERE workspace_id = %s", [workspace_id])
