"""Say which values tell that two records mean the same thing, and make one record of several."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schema.compiled import CompiledObject
from schema.field_types import Kind
from schema.filters.index import IndexCondition
from schema.fold import fold
from schema.model import Field, FieldType

T = FieldType
_PARTS = {T.EMAILS: "primary", T.PHONES: "primary.number", T.LINKS: "primary.url"}
_LISTS = {T.EMAILS: "additional", T.PHONES: "additional", T.LINKS: "secondary"}
_UNITED = {T.MULTI_SELECT, T.ARRAY, T.FILE}


class Criterion(NamedTuple):
    """A field whose equal values tell."""

    field: Field
    part: str


def criteria(obj: CompiledObject) -> list[Criterion]:
    """By type: unique texts, primary e-mails, phones and links, names of people and of things."""
    label = obj.definition.label_field or "name"
    found = []
    for field in obj.fields.values():
        if not field.indexed:
            continue
        if field.type in _PARTS:
            found.append(Criterion(field, _PARTS[field.type]))
        elif field.type is T.FULL_NAME or (
            field.type is T.TEXT and (field.unique or field.name == label)
        ):
            found.append(Criterion(field, ""))
    return found


def values(criterion: Criterion, doc: Mapping[str, Any]) -> frozenset[str]:
    """What a document says there, as it is compared; empty where it says nothing."""
    field = criterion.field
    value = doc.get(field.key or field.name)
    if value is None:
        return frozenset()
    if field.type is T.FULL_NAME:
        whole = fold(f"{value.get('first_name') or ''} {value.get('last_name') or ''}".strip())
        return frozenset({whole} if " " in whole else ())  # a first name alone tells nothing
    for step in criterion.part.split(".") if criterion.part else ():
        value = value.get(step) if value is not None else None
    if not isinstance(value, str) or not value:
        return frozenset()
    if field.type is T.LINKS:
        _, _, rest = value.partition("://")
        return frozenset(f"{scheme}://{fold(rest)}" for scheme in ("http", "https"))
    return frozenset({fold(value)})


def condition(criterion: Criterion, docs: Sequence[Mapping[str, Any]]) -> IndexCondition | None:
    """What the index is asked for records like any of the documents."""
    field = criterion.field
    if field.type is T.FULL_NAME:
        lasts = {
            fold(value["last_name"])
            for doc in docs
            if (value := doc.get(field.key or field.name)) and value.get("last_name")
        }
        wanted, part = lasts, "last_name"
    else:
        wanted, part = {v for doc in docs for v in values(criterion, doc)}, criterion.part
    if not wanted:
        return None
    return IndexCondition(field.index_id, part, Kind.TEXT, "in", tuple(sorted(wanted)))


def merged(
    obj: CompiledObject, docs: Sequence[Mapping[str, Any]], gone: frozenset[str]
) -> dict[str, Any]:
    """The fields of one record made of several, the first of which has priority, by name: those
    that differ from the first's. Relations to records that are `gone` are none."""
    first, *others = docs
    found: dict[str, Any] = {}
    for name, codec in obj.codecs.items():
        if not codec.spec.writable:
            continue
        field = codec.field
        own = _standing(field, first.get(codec.key), gone)
        value = own
        for other in others:
            theirs = _standing(field, other.get(codec.key), gone)
            value = theirs if value is None else _united(field, value, theirs)
        if value != first.get(codec.key):
            found[name] = value
    return found


def _standing(field: Field, value: Any, gone: frozenset[str]) -> Any:
    if field.type is not T.RELATION or value is None:
        return value
    target = value["id"] if isinstance(value, dict) else value
    return None if target in gone else value


def _united(field: Field, value: Any, theirs: Any) -> Any:
    if theirs is None:
        return value
    if field.type in _UNITED:
        return value + [one for one in theirs if one not in value]
    if field.type not in _LISTS:
        return value
    name = _LISTS[field.type]
    known = [value.get("primary"), *(value.get(name) or ())]
    more = [theirs.get("primary"), *(theirs.get(name) or ())]
    fresh = [one for one in more if one is not None and one not in known]
    return {**value, name: [*(value.get(name) or ()), *fresh]} if fresh else value
