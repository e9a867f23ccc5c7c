"""Let having and sort name the keys and figures of groups, as if groups were records."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.filters.tree import Kind
from schema.model import Field, FieldType, Object
from schema.problems import Invalid, Problem, nearest
from schema.sorts import SortKey, parse_sort
from services.records.logic.aggregate_parts import DATES, EXTREMES, Key, Measure, Names

_TERM = re.compile(r"(\s*[+-]?)([^\s:,]+)(.*)", re.DOTALL)


def names_of(
    workspace: Workspace, obj: CompiledObject, keys: Sequence[Key], measures: Sequence[Measure]
) -> Names:
    """Groups as records of an object of their own: a field for each key and each plain figure."""
    fields, inner = [], {}
    for n, key in enumerate(keys):
        inner[key.name] = f"key_{n}"
        fields.append(_key_field(key, f"key_{n}"))
    for n, measure in enumerate(measures):
        if not measure.by_currency:
            inner[measure.name] = f"measure_{n}"
            fields.append(_field(f"measure_{n}", _figure_type(measure)))
    group = Object(id=obj.id, name="group", plural_name="groups", fields=tuple(fields))
    return Names(workspace, CompiledObject(group), inner)


def _key_field(key: Key, name: str) -> Field:
    leaf = key.leaf
    if key.bucket:
        return _field(name, FieldType.DATE)
    if leaf.field is not None and not leaf.parts and leaf.kind is not Kind.ACTOR:
        found = leaf.field
        return Field(name, "", name, found.type, name, settings=found.settings,
                     options=found.options)  # fmt: skip
    return _field(name, _PLAIN.get(leaf.kind, FieldType.TEXT))


_PLAIN = {
    Kind.NUMBER: FieldType.NUMBER,
    Kind.POSITION: FieldType.NUMBER,
    Kind.DATE: FieldType.DATE,
    Kind.DATE_TIME: FieldType.DATE_TIME,
    Kind.UUID: FieldType.UUID,
}


def _figure_type(measure: Measure) -> FieldType:
    if measure.fn in EXTREMES and measure.leaf is not None and measure.leaf.kind in DATES:
        return _PLAIN[measure.leaf.kind]
    return FieldType.NUMBER


def _field(name: str, kind: FieldType) -> Field:
    return Field(name, "", name, kind, name)


def renamed(raw: object, names: Names, at: str, problems: list[Problem]) -> dict[str, Any]:
    """The filter with inner names; what is no filter at all is left to the parser to refuse."""
    if not isinstance(raw, Mapping):
        problems.append(Problem(at, "WRONG_KIND", 'having is a JSON object: {"count": {"gt": 5}}'))
        return {}
    found: dict[str, Any] = {}
    for name, value in raw.items():
        place = f"{at}.{name}"
        if name in {"and", "or"} and isinstance(value, list):
            found[name] = [
                renamed(one, names, f"{place}.{n}", problems) for n, one in enumerate(value)
            ]
        elif name == "not" and isinstance(value, Mapping):
            found[name] = renamed(value, names, place, problems)
        elif name in {"and", "or", "not"}:
            found[name] = value
        elif name in names.inner:
            found[names.inner[name]] = value
        else:
            problems.append(_unknown(name, names, place))
    return found


def order_of(sort: str, names: Names, problems: list[Problem]) -> tuple[SortKey, ...]:
    terms = []
    for n, part in enumerate(sort.split(",")):
        match = _TERM.fullmatch(part)
        if match is not None and match[2] not in names.inner:
            problems.append(_unknown(match[2], names, f"sort.{n}"))
            continue
        terms.append(f"{match[1]}{names.inner[match[2]]}{match[3]}" if match else part)
    try:
        return parse_sort(names.workspace, names.object, ",".join(terms))
    except Invalid as invalid:
        problems += said(invalid, names).problems
        return ()


def _unknown(name: str, names: Names, at: str) -> Problem:
    known = list(names.inner)
    message = (
        f"there is no key or plain figure {name!r}{nearest(name, known)};"
        f" allowed: {', '.join(known)}"
    )
    return Problem(at, "UNKNOWN_FIELD", message)


def said(invalid: Invalid, names: Names) -> Invalid:
    """The problems in the names that the caller knows."""
    outer = names.outer

    def shown(text: str) -> str:
        return re.sub(r"\b(key|measure)_\d+\b", lambda m: outer.get(m[0], m[0]), text)

    return Invalid([Problem(shown(p.path), p.code, shown(p.message)) for p in invalid.problems])
