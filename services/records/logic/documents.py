"""Work out what a document means for the index: folds, typed rows, unique keys."""

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from schema import jsonio
from schema.compiled import CompiledObject
from schema.field_types import FIELD_TYPES
from schema.field_types import Kind as IndexKind
from schema.fold import fold
from schema.model import Field
from schema.ordering import IndexEntry, indexer
from schema.values import composite_key, unique_key
from services.records.logic import numbers

# Longest prefix of a text that the index holds, in code points: two of them and the ids fit a
# B-tree entry whatever the script.
INDEXED_LENGTH = 300


class Entry(NamedTuple):
    """One row of a value table."""

    kind: IndexKind
    slot: UUID
    value: Any  # for text: (fold, value)


@lru_cache(maxsize=100_000)
def slot_of(field_id: str, part: str) -> UUID:
    """The id under which the index keeps a field, or a part of it."""
    base = UUID(field_id)
    return uuid5(base, part) if part else base


def entries(
    obj: CompiledObject, doc: Mapping[str, Any], only: Container[str] | None = None
) -> list[Entry]:
    """Every index row of a document, each once, those of inactive fields included: they may come
    back; or `only` those of fields with these ids."""
    found: list[Entry] = []
    for field, key, rows_of, slots, may_repeat in _indexed(obj):
        value = doc.get(key)
        if value is None or (only is not None and field.id not in only):
            continue
        own = []
        for part, kind, indexed in rows_of(value):
            slot = slots.get(part) or slots.setdefault(part, slot_of(field.index_id, part))
            own.append(Entry(kind, slot, _bounded(kind, indexed)))
        # Long texts may be the same as far as they are indexed.
        found += dict.fromkeys(own) if may_repeat and len(own) > 1 else own
    return found


class _Indexed(NamedTuple):
    """How a field is indexed, and its slots by part as they become known."""

    field: Field
    key: str  # of the document
    rows_of: Callable[[Any], list[IndexEntry]]
    slots: dict[str, UUID]
    may_repeat: bool


def _indexed(obj: CompiledObject) -> list[_Indexed]:
    def how() -> list[_Indexed]:
        return [
            _Indexed(f, f.key or f.name, indexer(f), {}, FIELD_TYPES[f.type].multi_valued)
            for f in obj.definition.fields
            if f.indexed
        ]

    found: list[_Indexed] = obj.derived("index", how)
    return found


_target = lru_cache(maxsize=50_000)(UUID)  # many records point to few


def _bounded(kind: IndexKind, value: Any) -> Any:
    if kind is IndexKind.TEXT:
        folded, exact = value
        return folded[:INDEXED_LENGTH], exact[:INDEXED_LENGTH]
    if kind is IndexKind.NUMBER:
        return numbers.encode(value)
    if kind is IndexKind.REF:
        return _target(value)
    return value


def folds(
    obj: CompiledObject, doc: Mapping[str, Any], actors: tuple[Mapping[str, Any], ...] = ()
) -> dict[str, str] | None:
    """Folds of the texts that are not pure ASCII, by their path; None where all are. `actors` are
    who created and who updated the record: their names fold and sort as well."""
    found: dict[str, str] = {}
    for column, actor in zip(("created_by", "updated_by"), actors, strict=False):
        if isinstance(actor.get("name"), str):
            _collect(actor["name"], f"{column}.name", found)
    for field in obj.definition.fields:
        key = field.key or field.name
        value = doc.get(key)
        if value is not None:
            _collect(value, key, found)
    return found or None


def _collect(value: Any, path: str, found: dict[str, str]) -> None:
    if isinstance(value, str):
        if not value.isascii():
            found[path] = fold(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str | dict):
                _collect(part, f"{path}.{name}", found)


class UniqueKey(NamedTuple):
    constraint_id: UUID
    key_hash: bytes


def unique_keys(obj: CompiledObject, doc: Mapping[str, Any]) -> list[UniqueKey]:
    """The keys that no other live record of the object may have, those of inactive fields
    included, and those of several fields together."""
    single = [
        UniqueKey(UUID(f.index_id), key_hash(text))
        for f in obj.definition.fields
        if f.unique
        and (value := doc.get(f.key or f.name)) is not None
        and (text := unique_key(f, value)) is not None
    ]
    together = [
        UniqueKey(UUID(one.id), key_hash(text))
        for one, fields in obj.unique_together
        if (text := composite_key(fields, doc)) is not None
    ]
    return single + together


def key_hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def by_name(
    obj: CompiledObject, doc: Mapping[str, Any], only: Iterable[Field] | None = None
) -> dict[str, Any]:
    """The document as clients see it: every active field, or `only` those, null where empty."""
    fields = obj.fields.values() if only is None else only
    return {f.name: doc.get(f.key or f.name) for f in fields}


def to_json(document: Mapping[str, Any]) -> bytes:
    return jsonio.dumps(document)


@lru_cache(maxsize=10_000)
def _template(names: tuple[str, ...]) -> str:
    return jsonio.dumps(dict.fromkeys(names)).decode()


def template(obj: CompiledObject) -> str:
    """A JSON object with every active field null, for reads to lay a document over."""
    return _template(tuple(obj.fields))


def has_strangers(obj: CompiledObject) -> bool:
    """Whether documents may hold keys that these definitions do not tell of: what a job makes of a
    field stands beside its values until the definition changes over, and they beside it after."""
    return bool(renamed(obj)) or any(f.state == "building" for f in obj.definition.fields)


def renamed(obj: CompiledObject) -> dict[str, str]:
    """Fields whose document key is not their name: name to key."""
    return {f.name: f.key for f in obj.fields.values() if f.key and f.key != f.name}
