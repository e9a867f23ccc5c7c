"""Find records that mean the same thing, and make one of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from kit import clock, ids
from kit.db import Tx
from kit.errors import InvalidArgument, ResourceExhausted
from schema.model import Field, FieldType
from schema.values import record_values
from services.records.logic import telling
from services.records.model import Item, Read, Stored
from services.records.operations import refusals, visibility, writes
from services.records.operations.targets import Target
from services.records.store import duplicates, queries
from services.records.store import records as store

MAX_FOUND = 100
MAX_MERGED = 20
MAX_MOVED = 10_000
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Like:
    """A record that shares values, and the names of the fields in which it does."""

    record: Read
    fields: tuple[str, ...]


def document_of(target: Target, fields: object) -> dict[str, Any]:
    """The values of a record that does not exist yet, in canonical form; Invalid lists problems.
    Nothing is required of it, and nothing filled in."""
    found = record_values(
        target.object,
        fields,
        old={},
        now=clock.now(),
        new_uuid=lambda: str(ids.new_id()),
        me=None,
    )
    return found.values


async def documents_of(tx: Tx, target: Target, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The documents of live records, by id; NOT_FOUND / RECORD_NOT_FOUND for any that is none."""
    parsed = {text: _parse(text) for text in wanted}
    present = {i for i in parsed.values() if i is not None}
    docs = await duplicates.documents(tx, target.workspace_id, target.object_id, sorted(present))
    seen = await visibility.among(tx, target.workspace_id, target.object, docs)
    for text, record_id in parsed.items():
        if record_id not in seen:
            raise refusals.not_found(text)
    return {text: docs[record_id] for text, record_id in parsed.items() if record_id is not None}


async def find(
    tx: Tx, target: Target, docs: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Like]]:
    """For each document, by its record's id, the live records like it: one query for each field
    that tells, and two for what they find."""
    workspace_id = target.workspace_id
    criteria = telling.criteria(target.object)
    if not criteria:
        message = f"{target.object.name} has no field whose values tell records apart"
        raise InvalidArgument.at("DUPLICATES_INVALID", "object", "NOT_ELIGIBLE", message)
    near: set[UUID] = set()
    for criterion in criteria:
        asked = telling.condition(criterion, list(docs.values()))
        if asked is not None:
            near |= await duplicates.matching(tx, workspace_id, asked)
    candidates = await duplicates.documents(tx, workspace_id, target.object_id, sorted(near))
    shared: dict[str, dict[UUID, list[str]]] = {key: defaultdict(list) for key in docs}
    for criterion in criteria:
        by_value: dict[str, list[UUID]] = defaultdict(list)
        for record_id, candidate in candidates.items():
            for value in telling.values(criterion[0], candidate):
                by_value[value].append(record_id)
        for key, doc in docs.items():
            found = {i for v in telling.values(criterion[0], doc) for i in by_value.get(v, ())}
            for record_id in found:
                if str(record_id) == key or not telling.alike(
                    criterion[1:], doc, candidates[record_id]
                ):
                    continue
                names = shared[key][record_id]
                names += [part.field.name for part in criterion if part.field.name not in names]
    ranked = {
        key: sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))[:MAX_FOUND]
        for key, found in shared.items()
    }
    every = sorted({record_id for found in ranked.values() for record_id, _ in found})
    reads = await queries.by_ids(tx, workspace_id, target.object, every, None)
    return {
        key: [Like(reads[i], tuple(names)) for i, names in found if i in reads]
        for key, found in ranked.items()
    }


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge left."""

    record: Stored
    gone: tuple[UUID, ...]
    moved: int


async def merge(tx: Tx, target: Target, wanted: Sequence[str], priority: str) -> Merged:
    """Make the priority record what all of them say, point to it what pointed to the others, and
    delete these."""
    winner, losers = _named(wanted, priority)
    locked = await store.lock(tx, target.workspace_id, target.object_id, sorted([winner, *losers]))
    seen = await visibility.among(tx, target.workspace_id, target.object, locked)
    for record_id in (winner, *losers):
        if record_id not in seen or locked[record_id].delete_time is not None:
            raise refusals.not_found(str(record_id))
    gone = frozenset(map(str, (winner, *losers)))
    docs = [locked[record_id].doc for record_id in (winner, *losers)]
    patch = telling.merged(target.object, docs, gone)
    # First they free their unique values, then the winner takes them.
    items = [Item(str(record_id)) for record_id in losers]
    await writes.delete(tx, target, items, merged_into=winner)
    left = locked[winner]
    if patch:
        written = await writes.update(tx, target, [Item(str(winner), patch)])
        left = written[0].record
    moved = await _move_relations(tx, target, winner, losers)
    return Merged(left, tuple(losers), moved)


def _named(wanted: Sequence[str], priority: str) -> tuple[UUID, list[UUID]]:
    parsed = [_parse(text) for text in wanted]
    for text, record_id in zip(wanted, parsed, strict=True):
        if record_id is None:
            raise refusals.not_found(text)
    known = list(dict.fromkeys(i for i in parsed if i is not None))
    winner = _parse(priority)
    if not 2 <= len(known) <= MAX_MERGED or len(known) != len(wanted):
        message = f"name 2 to {MAX_MERGED} different records"
        raise InvalidArgument.at("MERGE_INVALID", "ids", "OUT_OF_RANGE", message)
    if winner is None or winner not in known:
        message = "the priority record is one of those that are merged"
        raise InvalidArgument.at("MERGE_INVALID", "priority_id", "UNKNOWN", message)
    return winner, [i for i in known if i != winner]


async def _move_relations(tx: Tx, target: Target, winner: UUID, losers: Sequence[UUID]) -> int:
    """Have relations of any object name the winner instead. They are the platform's to keep true,
    so the caller's view of the other objects does not matter."""
    workspace = target.workspace.full
    moved = 0
    for obj in workspace.objects.values():
        fields = [f for f in obj.fields.values() if _points_to(f, target.object.name)]
        if not fields:
            continue
        slots = {UUID(f.id): f for f in fields}
        pointing = await duplicates.pointing(
            tx, target.workspace_id, sorted(slots), losers, MAX_MOVED - moved + 1
        )
        moved += len(pointing)
        if moved > MAX_MOVED:
            message = f"more than {MAX_MOVED} relations point to these records"
            raise ResourceExhausted("MERGE_TOO_LARGE", message, limit=str(MAX_MOVED))
        patches: dict[UUID, dict[str, Any]] = defaultdict(dict)
        for record_id, slot in pointing:
            patches[record_id][slots[slot].name] = _pointer(slots[slot], target, winner)
        other = replace(target, workspace=workspace, object=obj)
        rows = [Item(str(record_id), patch) for record_id, patch in sorted(patches.items())]
        for at in range(0, len(rows), _BATCH):
            await writes.update(tx, other, rows[at : at + _BATCH])
    return moved


def _points_to(field: Field, name: str) -> bool:
    return (
        field.type is FieldType.RELATION
        and field.indexed
        and name in field.settings.get("targets", ())
    )


def _pointer(field: Field, target: Target, winner: UUID) -> Any:
    if len(field.settings["targets"]) == 1:
        return str(winner)
    return {"object": target.object.name, "id": str(winner)}


def _parse(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
