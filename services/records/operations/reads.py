"""Read records: one by id, or a page of a query, planned segment by segment."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from kit.db import Tx
from kit.errors import ResourceExhausted
from schema.compiled import CompiledObject, Workspace
from schema.field_types import Kind as IndexKind
from schema.filters.index import IndexCondition, indexable
from schema.filters.resolve import resolve_relative
from schema.filters.tree import Tree
from schema.model import FieldType
from services.records.logic import planner
from services.records.model import Page, Projection, Query, Read, Spelled
from services.records.operations import entries
from services.records.store import probes, queries

_SIZES_SECONDS = 30.0
_SIZES_HELD = 10_000
MAX_SKIP = 10_000  # records that are walked to pass them over
_COUNT_BOUND = 10_000  # an estimated count is exact up to here
R = TypeVar("R", bound=Read | Spelled)
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def page(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    query: Query,
    known: Mapping[IndexCondition, int] | None = None,
) -> Page:
    """The next records of a query and the place to go on from; `known` are matches of index
    conditions that need no probe."""
    kept, why = await entries.rows_of(tx, workspace_id, query, query.limit + 1)
    if kept is not None:
        rows, plan = kept, [{"strategy": "view entries", "rows": len(kept)}]
    else:
        begun = await _skipped(tx, workspace_id, query)
        if begun is None:
            return Page([], why=why)
        query = begun
        rows, plan = await rows_of(tx, workspace_id, query, known or {})
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    records = await expand(
        tx,
        workspace_id,
        workspace,
        query.object,
        query.projection,
        queries.to_records(query, rows),
    )
    place = queries.sort_place(query, rows[-1]) if more else None
    return Page(records, place, plan, why)


async def _skipped(tx: Tx, workspace_id: UUID, query: Query) -> Query | None:
    """The query from behind the records that it passes over, which are walked; None at the end.
    RESOURCE_EXHAUSTED / SKIP_TOO_DEEP where that are too many."""
    if not query.skip:
        return query
    if query.skip > MAX_SKIP:
        message = (
            f"more than {MAX_SKIP:,} records are skipped only by a view whose entries are kept "
            "(materialized); go by page tokens instead"
        )
        raise ResourceExhausted("SKIP_TOO_DEEP", message, limit=str(MAX_SKIP))
    names = tuple(query.object.fields)[:1]
    bare = replace(query, limit=query.skip - 1, projection=Projection(names), spelled=False)
    rows, _ = await rows_of(tx, workspace_id, bare, {})
    if len(rows) < query.skip:
        return None
    return replace(query, skip=0, after=queries.sort_place(bare, rows[-1]))


async def rows_of(
    tx: Tx, workspace_id: UUID, query: Query, matches: Mapping[IndexCondition, int]
) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]]]:
    """Up to one row more than the limit, so that the caller knows whether there are more."""
    wanted = query.limit + 1
    rows: list[tuple[Any, ...]] = []
    plan: list[dict[str, Any]] = []
    known = dict(matches)
    tree = resolve_relative(query.tree, query.context) if query.tree is not None else None
    if query.show_deleted:  # deleted records are in no index
        found = await queries.by_scan(
            tx, workspace_id, query, tree, None, query.after, query.keys, wanted
        )
        return found, [{"strategy": "scan", "reason": "deleted records are in no index"}]
    start = planner.rank_of(query.keys, query.after) if query.after is not None else ()
    for segment in planner.segments(query.keys):
        if segment.rank < start:
            continue
        after = query.after if segment.rank == start else None
        narrowed = planner.narrowed(tree, segment)
        left = wanted - len(rows)
        found, why = await _segment_rows(
            tx, workspace_id, query, narrowed, segment, after, left, known
        )
        plan.append({"segment": list(segment.rank), **why, "rows": len(found)})
        rows += found
        if len(rows) >= wanted:
            break
    return rows, plan


async def _segment_rows(
    tx: Tx,
    workspace_id: UUID,
    query: Query,
    tree: Tree | None,
    segment: planner.Segment,
    after: Sequence[Any] | None,
    limit: int,
    known: dict[IndexCondition, int],
) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    conditions = indexable(tree, query.object.id)
    drive = segment.drive
    bounds = planner.bounds_for(drive, conditions) if drive is not None else None
    best = await _most_selective(tx, workspace_id, conditions, known)
    if best is not None and not await _walks(tx, workspace_id, drive, best[1], limit):
        condition, matches = best
        why = {"strategy": "condition", **named(condition), "matches": matches}
        if matches == 0:
            return [], why
        rows = await queries.by_condition(tx, workspace_id, query, tree, condition, after, limit)
        return rows, why
    if drive is not None and drive.kind is not None:
        rows = await queries.by_index(
            tx, workspace_id, query, tree, drive, bounds, after, segment.keys, limit
        )
        return rows, {"strategy": "sort index", "slot": str(drive.slot)}
    rows = await queries.by_scan(tx, workspace_id, query, tree, drive, after, segment.keys, limit)
    strategy = "platform index" if drive is not None else "scan and sort"
    return rows, {"strategy": strategy}


def named(condition: IndexCondition) -> dict[str, Any]:
    """What an explanation says of a condition that drives."""
    if condition.through is None:
        index = "trigrams" if condition.op == "contains" else "values"
        return {"field_id": condition.field_id, "index": index}
    found: dict[str, Any] = {"link_type_id": condition.field_id, "index": "links"}
    if condition.through.far is not None:
        found["other_end"] = named(condition.through.far)
    return found


class _Sizes:
    """About how many entries an index has: counted now and then, for the planner alone."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[UUID, UUID], tuple[float, int]] = OrderedDict()

    async def of(self, tx: Tx, workspace_id: UUID, kind: IndexKind, slot: UUID) -> int:
        key, now = (workspace_id, slot), time.monotonic()
        held = self._known.get(key)
        if held is not None and now - held[0] < _SIZES_SECONDS:
            return held[1]
        counted = await probes.entries(tx, workspace_id, kind, slot, planner.SIZED)
        self._known[key] = now, counted
        while len(self._known) > _SIZES_HELD:
            self._known.popitem(last=False)
        return counted


_sizes = _Sizes()


async def _walks(
    tx: Tx, workspace_id: UUID, drive: planner.Drive | None, matches: int, limit: int
) -> bool:
    if drive is None or drive.kind is None or drive.slot is None or matches <= planner.FEW:
        return False
    entries = await _sizes.of(tx, workspace_id, drive.kind, drive.slot)
    return planner.walks(matches, entries, limit)


async def _most_selective(
    tx: Tx,
    workspace_id: UUID,
    conditions: Sequence[IndexCondition],
    known: dict[IndexCondition, int],
) -> tuple[IndexCondition, int] | None:
    """The condition with the fewest matches, if they are few."""
    unknown = [c for c in conditions if c not in known]
    found = await probes.counts(tx, workspace_id, unknown, planner.SELECTIVE)
    known.update(zip(unknown, found, strict=True))
    few = [(known[c], n, c) for n, c in enumerate(conditions) if known[c] < planner.SELECTIVE]
    if not few:
        return None
    matches, _, condition = min(few, key=lambda found: found[:2])
    return condition, matches


async def count(tx: Tx, workspace_id: UUID, query: Query, *, exact: bool) -> int:
    """How many records match; estimated counts stop at 10,000."""
    condition = await driving(tx, workspace_id, query)
    bound = None if exact else _COUNT_BOUND
    return await queries.count(tx, workspace_id, query, condition, bound=bound)


async def driving(tx: Tx, workspace_id: UUID, query: Query) -> IndexCondition | None:
    """The condition that leads to the query's records sooner than reading them all, if one does."""
    tree = resolve_relative(query.tree, query.context) if query.tree is not None else None
    conditions = [] if query.show_deleted else indexable(tree, query.object.id)
    best = await _most_selective(tx, workspace_id, conditions, {})
    return best[0] if best else None


async def expand(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    obj: CompiledObject,
    projection: Projection | None,
    records: Sequence[R],
) -> list[R]:
    """Put related records in the place of their ids: one query for each object and hop."""
    if projection is None or not projection.expand or not records:
        return list(records)
    documents = [_raw.decode(r.fields_json) for r in records]
    for name, inner in projection.expand.items():
        related = await _related(tx, workspace_id, workspace, obj, name, inner, documents)
        for document in documents:
            target = _target(document[name])
            if target is not None:
                document[name] = msgspec.Raw(related.get(target, b"null"))
    return [
        replace(record, fields_json=msgspec.json.encode(document))
        for record, document in zip(records, documents, strict=True)
    ]


def _target(raw: bytes) -> UUID | None:
    value = msgspec.json.decode(raw)
    if isinstance(value, dict):
        value = value.get("id")
    return UUID(value) if value else None


def _of(obj: CompiledObject, projection: Projection) -> Projection:
    """What of a projection this object has: a relation to several objects names fields of any."""
    fields = obj.fields
    return Projection(
        tuple(n for n in projection.names if n in fields),
        {
            n: inner
            for n, inner in projection.expand.items()
            if n in fields and fields[n].type is FieldType.RELATION
        },
    )


async def _related(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    obj: CompiledObject,
    name: str,
    projection: Projection,
    documents: Iterable[Mapping[str, msgspec.Raw]],
) -> dict[UUID, bytes]:
    """The related records of a page as JSON objects with id, object and the fields asked for."""
    ids = sorted({t for d in documents if (t := _target(d[name])) is not None})
    found: dict[UUID, bytes] = {}
    for target in obj.fields[name].settings.get("targets", []):
        other = workspace.object(target)
        if other is None or not ids:
            continue
        own = _of(other, projection)
        reads = await queries.by_ids(tx, workspace_id, other, ids, own)
        if not own.names:  # it has none of the fields asked for, and no names would mean all
            reads = {i: replace(read, fields_json=b"{}") for i, read in reads.items()}
        inner = await expand(tx, workspace_id, workspace, other, own, list(reads.values()))
        for read in inner:
            lead = msgspec.json.encode({"id": str(read.id), "object": other.name})
            body = read.fields_json
            found[read.id] = lead[:-1] + (b"," + body[1:] if len(body) > 2 else b"}")
    return found
