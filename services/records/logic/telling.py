"""Say which values tell that two records mean the same thing, and make one record of several."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schema import jsonio
from schema.compiled import CompiledObject
from schema.field_types import Kind
from schema.field_types.duplicates import COMPARED, LEADING
from schema.filters.index import IndexCondition
from schema.fold import fold
from schema.formulas import exactly
from schema.model import Field, FieldType

T = FieldType
_PARTS = {T.EMAILS: "primary", T.PHONES: "primary.number", T.LINKS: "primary.url"}
_LISTS = {T.EMAILS: "additional", T.PHONES: "additional", T.LINKS: "secondary"}
_UNITED = {T.MULTI_SELECT, T.ARRAY, T.FILE}


class Part(NamedTuple):
    """A field whose like values tell."""

    field: Field
    part: str


# Parts that tell together, the first of which records are looked up by.
Criterion = tuple[Part, ...]


def criteria(obj: CompiledObject) -> list[Criterion]:
    """Those that the object's admins have set, as far as all of their fields are seen; where none
    are set, by type: unique texts, primary e-mails, phones and links, names of people and of
    things."""
    full = obj.full.definition
    if not full.duplicate_criteria:
        return _by_type(obj)
    found = []
    for names in obj.definition.duplicate_criteria:
        fields = [obj.fields[name] for name in names if name in obj.fields]
        parts = [Part(f, _PARTS.get(f.type, "")) for f in fields if f.type in COMPARED]
        parts.sort(key=lambda one: not _leads(one.field))
        if len(parts) == len(names) and _leads(parts[0].field):
            found.append(tuple(parts))
    return found


def _leads(field: Field) -> bool:
    return field.type in LEADING and field.indexed


def _by_type(obj: CompiledObject) -> list[Criterion]:
    label = obj.definition.label_field or "name"
    found: list[Criterion] = []
    for field in obj.fields.values():
        if not field.indexed:
            continue
        if field.type in _PARTS:
            found.append((Part(field, _PARTS[field.type]),))
        elif field.type is T.FULL_NAME or (
            field.type is T.TEXT and (field.unique or field.name == label)
        ):
            found.append((Part(field, ""),))
    return found


def alike(parts: Sequence[Part], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents say the same in each of these."""
    return all(values(part, one) & values(part, other) for part in parts)


def values(part: Part, doc: Mapping[str, Any]) -> frozenset[str]:
    """What a document says there, as it is compared; empty where it says nothing."""
    field = part.field
    value = doc.get(field.key or field.name)
    if value is None:
        return frozenset()
    if field.type not in LEADING:
        whole = jsonio.dumps(exactly(value)).decode()
        return frozenset({whole})
    if field.type is T.FULL_NAME:
        whole = fold(f"{value.get('first_name') or ''} {value.get('last_name') or ''}".strip())
        return frozenset({whole} if " " in whole else ())  # a first name alone tells nothing
    for step in part.part.split(".") if part.part else ():
        value = value.get(step) if value is not None else None
    if not isinstance(value, str) or not value:
        return frozenset()
    if field.type is T.LINKS:
        _, _, rest = value.partition("://")
        return frozenset(f"{scheme}://{fold(rest)}" for scheme in ("http", "https"))
    return frozenset({fold(value)})


def condition(criterion: Criterion, docs: Sequence[Mapping[str, Any]]) -> IndexCondition | None:
    """What the index is asked for records like any of the documents, by the first part."""
    lead = criterion[0]
    field = lead.field
    if field.type is T.FULL_NAME:
        lasts = {
            fold(value["last_name"])
            for doc in docs
            if (value := doc.get(field.key or field.name)) and value.get("last_name")
        }
        wanted, part = lasts, "last_name"
    else:
        wanted, part = {v for doc in docs for v in values(lead, doc)}, lead.part
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
