"""Update the record with the same unique values, or create it: by constraint, not by luck."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Tx
from kit.errors import AlreadyExists, InvalidArgument, NotFound
from schema.model import Field, FieldType
from schema.problems import Invalid, Problem, nearest
from schema.values import canonical, composite_key, unique_key
from services.records.logic.documents import key_hash
from services.records.model import Item, Outcome, Written
from services.records.operations import visibility, writes
from services.records.operations.refusals import invalid
from services.records.operations.targets import Target
from services.records.store import uniques

_ATTEMPTS = 4
_OVERTAKEN = {"VALUE_NOT_UNIQUE", "RECORD_NOT_FOUND"}

Key = tuple[UUID, bytes]


class Match(NamedTuple):
    """What records are matched by: a unique field, or fields that are unique together."""

    constraint_id: UUID
    fields: tuple[Field, ...]


def match_fields(target: Target, names: Sequence[str]) -> list[Match]:
    """The unique fields to match by, or the fields of one composite unique constraint;
    INVALID_ARGUMENT / MATCH_INVALID for any other."""
    known = target.object.fields
    unique = [f.name for f in known.values() if f.unique]
    together = {
        frozenset(f.name for f in own): Match(UUID(one.id), own)
        for one, own in target.object.unique_together
    }
    allowed = unique + [" with ".join(f.name for f in one.fields) for one in together.values()]
    if not names:
        raise _match_invalid("match names at least one unique field", allowed)
    for name in names:
        if name not in known:
            raise _match_invalid(f"there is no field {name!r}{nearest(name, known)}", allowed)
    single = [name for name in names if known[name].unique]
    if len(single) == len(names):
        return [Match(UUID(known[name].index_id), (known[name],)) for name in names]
    if found := together.get(frozenset(names)):
        return [found]
    first = next(name for name in names if name not in single)
    raise _match_invalid(f"{first!r} is not unique", allowed)


def _match_invalid(message: str, unique: Sequence[str]) -> InvalidArgument:
    allowed = ", ".join(unique) or "none: define a unique field first"
    text = f"{message}; unique fields: {allowed}"
    return InvalidArgument.at("MATCH_INVALID", "match", "INVALID", text)


async def upsert(
    tx: Tx, target: Target, match: Sequence[str], items: Sequence[Item]
) -> list[Written]:
    """Each item is created, updated, found unchanged, or restored from the deleted ones."""
    keys = _keys(match_fields(target, match), items)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with tx.savepoint():
                return await _upsert(tx, target, items, keys)
        except (AlreadyExists, NotFound) as exc:
            # Somebody created or deleted the record between our look and our write: look again.
            if exc.reason not in _OVERTAKEN or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


async def update_matching(
    tx: Tx, target: Target, match: Sequence[str], items: Sequence[Item]
) -> list[Written]:
    """Each item updates the live record with the same values; FIELDS_INVALID names those that no
    record, or more than one, has."""
    keys = _keys(match_fields(target, match), items)
    live = await uniques.holders(tx, target.workspace_id, [key for own in keys for key in own])
    if target.object.rule is not None:
        seen = await visibility.among(tx, target.workspace_id, target.object, {*live.values()})
        live = {key: holder for key, holder in live.items() if holder in seen}
    problems: list[Problem] = []
    found: list[Item] = []
    for item, own in zip(items, keys, strict=True):
        holders = {live[key] for key in own if key in live}
        if len(holders) == 1:
            found.append(Item(str(holders.pop()), item.fields, "", item.path))
            continue
        path = f"{item.path}.fields.{match[0]}" if item.path else f"fields.{match[0]}"
        code, message = "NOT_FOUND", "no record has this value"
        if holders:
            code, message = "AMBIGUOUS", "the match values belong to different records"
        problems.append(Problem(path, code, message))
    if problems:
        raise invalid(problems)
    return await writes.update(tx, target, found)


def _keys(matches: Sequence[Match], items: Sequence[Item]) -> list[list[Key]]:
    problems: list[Problem] = []
    found: list[list[Key]] = []
    seen: set[Key] = set()
    for item in items:
        if item.problems:
            problems += item.problems
            continue
        lead = f"{item.path}.fields" if item.path else "fields"
        own = (_key(match, item.fields, lead, problems) for match in matches)
        keys = [key for key in own if key is not None]
        if seen.intersection(keys):
            problems.append(Problem(lead, "DUPLICATE", "two items have the same match values"))
        seen.update(keys)
        found.append(keys)
    if problems:
        raise invalid(problems)
    return found


def _key(match: Match, raw: object, lead: str, problems: list[Problem]) -> Key | None:
    """What an item's record is looked up by; None where its values do not do, noting why."""
    doc: dict[str, Any] = {}
    before = len(problems)
    for field in match.fields:
        sent = raw.get(field.name) if isinstance(raw, dict) else None
        path = f"{lead}.{field.name}"
        try:
            value = canonical(field, sent, path) if sent is not None else None
        except Invalid as exc:
            problems += exc.problems
            continue
        doc[field.key or field.name] = value
        if composite_key([field], doc) is None:
            message = f"{field.name} is what records are matched by, so it needs a value"
            if field.type is FieldType.RELATION:
                message += ", the record's id"
            problems.append(Problem(path, "REQUIRED", message))
    if len(problems) > before:
        return None
    first = match.fields[0]
    single = len(match.fields) == 1
    text = (
        unique_key(first, doc[first.key or first.name])
        if single
        else composite_key(match.fields, doc)
    )
    return None if text is None else (match.constraint_id, key_hash(text))


async def _upsert(
    tx: Tx, target: Target, items: Sequence[Item], keys: Sequence[Sequence[Key]]
) -> list[Written]:
    every = [key for one in keys for key in one]
    live, deleted = await uniques.held(tx, target.workspace_id, every)
    if target.object.rule is not None:
        holding = {*live.values(), *deleted.values()}
        seen = await visibility.among(tx, target.workspace_id, target.object, holding)
        live = {key: holder for key, holder in live.items() if holder in seen}
        deleted = {key: holder for key, holder in deleted.items() if holder in seen}
    results: dict[int, Written] = {}
    to_restore: dict[int, UUID] = {}
    to_create: list[int] = []
    to_update: dict[int, UUID] = {}
    for n, own in enumerate(keys):
        holders = {live[key] for key in own if key in live}
        if len(holders) > 1:
            path = items[n].path or "fields"
            message = "the match values belong to different records"
            raise InvalidArgument.at("MATCH_INVALID", path, "AMBIGUOUS", message)
        if holders:
            to_update[n] = holders.pop()
        elif gone := [deleted[key] for key in own if key in deleted]:
            to_restore[n] = to_update[n] = gone[0]
        else:
            to_create.append(n)
    restored = await _restored(tx, target, items, to_restore)
    updates = [
        Item(str(record_id), items[n].fields, "", items[n].path)
        for n, record_id in to_update.items()
    ]
    for n, written in zip(to_update, await writes.update(tx, target, updates), strict=True):
        outcome = Outcome.RESTORED if n in restored else written.outcome
        results[n] = Written(written.record, outcome, written.before)
    creates = [Item("", items[n].fields, "", items[n].path) for n in to_create]
    results |= dict(
        zip(to_create, await writes.create(tx, target, creates) if creates else [], strict=True)
    )
    return [results[n] for n in range(len(items))]


async def _restored(
    tx: Tx, target: Target, items: Sequence[Item], wanted: dict[int, UUID]
) -> set[int]:
    """Bring back the records that items mean; the items for which it was we who did it, and not
    somebody else in the meantime."""
    first = {record_id: n for n, record_id in reversed(wanted.items())}
    back = [Item(str(record_id), path=items[n].path) for record_id, n in first.items()]
    done = await writes.undelete(tx, target, back) if back else []
    return {
        n
        for n, written in zip(first.values(), done, strict=True)
        if written.outcome is Outcome.RESTORED
    }
