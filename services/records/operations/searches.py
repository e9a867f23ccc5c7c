"""Search records of several objects by words: the best of each object, merged by rank."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec

from kit.db import Tx
from schema.compiled import CompiledObject, Workspace
from schema.model import Field
from services.records.logic import search, snippets
from services.records.logic.snippets import Snippet
from services.records.model import Projection, Query, Read
from services.records.operations import reads
from services.records.store import queries
from services.records.store import search as store

_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: better ranks are passed, of equal ones lesser objects and records."""

    rank: float
    object_id: str
    record_id: UUID


@dataclass(frozen=True, slots=True)
class Hit:
    record: Read
    rank: float
    object: CompiledObject
    snippet: Snippet | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    hits: list[Hit]
    next: Place | None
    partial: bool  # an object has more matches than are ranked
    plan: dict[str, Any] = field(default_factory=dict)


def searchable(obj: CompiledObject) -> list[Field]:
    """The fields whose words are asked for, of those that the caller may see."""
    return [f for f in obj.fields.values() if search.is_searchable(f)]


async def search_records(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    targets: Sequence[Query],
    words: Sequence[str],
    after: Place | None,
    *,
    with_snippets: bool,
) -> Answer:
    """The next page over all targets: each names its object, its filter and the page's limit."""
    # Side by side on one pipeline; all are awaited, whatever one raises.
    answers = await asyncio.gather(
        *(_found(tx, workspace_id, one, words, after) for one in targets), return_exceptions=True
    )
    found: list[tuple[Query, store.Found]] = []
    matches: dict[str, int] = {}
    for target, rows in zip(targets, answers, strict=True):
        if isinstance(rows, BaseException):
            raise rows
        found += [(target, row) for row in rows]
        matches[target.object.name] = rows[0][-1] if rows else 0
    found.sort(key=lambda one: (-one[1][-2], one[0].object.id, one[1][0]))
    limit = max((one.limit for one in targets), default=0)
    more, found = len(found) > limit, found[:limit]
    hits = await _hits(tx, workspace_id, workspace, found)
    if with_snippets:
        hits = await _with_snippets(tx, workspace_id, hits, words)
    last = hits[-1] if more else None
    place = Place(last.rank, last.object.id, last.record.id) if last is not None else None
    partial = any(n >= store.MAX_RANKED for n in matches.values())
    plan = {"strategy": "words", "words": list(words), "matches": matches}
    return Answer(hits, place, partial, plan)


async def _found(
    tx: Tx, workspace_id: UUID, target: Query, words: Sequence[str], after: Place | None
) -> list[store.Found]:
    slots = [UUID(f.id) for f in searchable(target.object)]
    if not slots:
        return []
    place = None
    if after is not None:
        mine = target.object.id
        passed = _FIRST if mine > after.object_id else _LAST
        place = (after.rank, after.record_id if mine == after.object_id else passed)
    return await store.found(tx, workspace_id, target, slots, words, place)


async def _hits(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    found: Sequence[tuple[Query, store.Found]],
) -> list[Hit]:
    """The records of a page, relations expanded: one query for each object and hop."""
    records: dict[UUID, Read] = {}
    for target in dict.fromkeys(id(one) for one, _ in found):
        mine = [(one, row) for one, row in found if id(one) == target]
        query = mine[0][0]
        plain = [queries.to_read(query.object, row) for _, row in mine]
        expanded = await reads.expand(
            tx, workspace_id, workspace, query.object, query.projection, plain
        )
        records |= {record.id: record for record in expanded}
    return [Hit(records[row[0]], row[-2], one.object) for one, row in found]


async def _with_snippets(
    tx: Tx, workspace_id: UUID, hits: Sequence[Hit], words: Sequence[str]
) -> list[Hit]:
    documents: dict[UUID, Mapping[str, Any]] = {}
    fields: dict[str, list[Field]] = {}
    for obj in {hit.object.id: hit.object for hit in hits}.values():
        label = obj.definition.label_field
        fields[obj.id] = sorted(searchable(obj), key=lambda f: f.name != label)
        ids = [hit.record.id for hit in hits if hit.object.id == obj.id]
        shown = Projection(tuple(f.name for f in fields[obj.id]))
        for record in (await queries.by_ids(tx, workspace_id, obj, ids, shown)).values():
            documents[record.id] = msgspec.json.decode(record.fields_json)
    return [
        replace(
            hit,
            snippet=snippets.best(fields[hit.object.id], documents.get(hit.record.id, {}), words),
        )
        for hit in hits
    ]
