"""Lay records out as rows of cells and read them back: the two directions of CSV.

A scalar field is one column; a composite has a column for each part, by dotted path. Whatever is
written here is read back as the same value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schema import jsonio
from schema.compiled import PLATFORM_FIELDS, CompiledObject, Workspace
from schema.model import Field, FieldType
from schema.problems import Invalid, Problem, nearest, refuse
from services.records.model import Projection

T = FieldType


class Cell(StrEnum):
    """How a value stands in one cell."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    JSON = "json"
    ANY = "any"  # JSON where it looks like an object, else a text


@dataclass(frozen=True, slots=True)
class Column:
    """A field or a part of one. `steps` lead into a record's fields."""

    path: str
    steps: tuple[str, ...]
    cell: Cell


_PARTS: dict[FieldType, tuple[tuple[str, Cell], ...]] = {
    T.CURRENCY: (("amount_micros", Cell.NUMBER), ("currency_code", Cell.TEXT)),
    T.FULL_NAME: (("first_name", Cell.TEXT), ("last_name", Cell.TEXT)),
    T.EMAILS: (("primary", Cell.TEXT), ("additional", Cell.LIST)),
    T.PHONES: (
        ("primary.number", Cell.TEXT),
        ("primary.country_code", Cell.TEXT),
        ("primary.extension", Cell.TEXT),
        ("additional", Cell.JSON),
    ),
    T.LINKS: (("primary.url", Cell.TEXT), ("primary.label", Cell.TEXT), ("secondary", Cell.JSON)),
    T.ADDRESS: (
        *((n, Cell.TEXT) for n in ("street1", "street2", "city", "postcode", "state", "country")),
        ("lat", Cell.NUMBER),
        ("lng", Cell.NUMBER),
    ),
    T.RICH_TEXT: (("markdown", Cell.TEXT),),
}
_MORE_PARTS: dict[FieldType, dict[str, Cell]] = {T.CURRENCY: {"amount": Cell.TEXT}}
_CELLS = {
    T.NUMBER: Cell.NUMBER,
    T.RATING: Cell.NUMBER,
    T.POSITION: Cell.NUMBER,
    T.AUTO_NUMBER: Cell.NUMBER,
    T.ROLLUP: Cell.NUMBER,
    T.BOOLEAN: Cell.BOOLEAN,
    T.MULTI_SELECT: Cell.LIST,
    T.ARRAY: Cell.LIST,
    T.FILE: Cell.LIST,
    T.JSON: Cell.JSON,
    T.ACTOR: Cell.JSON,
}
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_TRUE, _FALSE = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}


# --- out ---


def columns(
    workspace: Workspace, obj: CompiledObject, projection: Projection | None, lead: str = ""
) -> list[Column]:
    """The columns of an object's records, those of expanded relations included."""
    names = projection.names if projection is not None else tuple(obj.fields)
    found: list[Column] = []
    for name in names:
        inner = projection.expand.get(name) if projection is not None else None
        field = obj.fields.get(name)
        if field is None:
            continue
        if inner is None:
            found += _of_field(field, lead)
            continue
        seen: dict[str, Column] = {}
        for target in field.settings.get("targets", []):
            if reached := workspace.object(target):
                for one in columns(workspace, reached, inner, f"{lead}{name}."):
                    seen.setdefault(one.path, one)
        found += seen.values()
    return found


def _of_field(field: Field, lead: str) -> list[Column]:
    above = tuple(lead.split(".")[:-1])
    if is_morph(field):
        parts: Sequence[tuple[str, Cell]] = (("object", Cell.TEXT), ("id", Cell.TEXT))
    else:
        parts = _PARTS.get(field.type, ())
    if not parts:
        cell = _CELLS.get(field.type, Cell.TEXT)
        return [Column(f"{lead}{field.name}", (*above, field.name), cell)]
    return [
        Column(f"{lead}{field.name}.{part}", (*above, field.name, *part.split(".")), cell)
        for part, cell in parts
    ]


def is_morph(field: Field) -> bool:
    return field.type is T.RELATION and len(field.settings.get("targets", ())) > 1


def write_row(columns: Sequence[Column], fields: Mapping[str, Any], *, guarded: bool) -> list[str]:
    """The cells of one record."""
    cells = []
    for column in columns:
        value: Any = fields
        for step in column.steps:
            value = value.get(step) if isinstance(value, dict) else None
            if value is None:
                break
        cells.append("" if value is None else _write(column.cell, value, guarded))
    return cells


def _write(cell: Cell, value: Any, guarded: bool) -> str:
    if isinstance(value, str) and cell is not Cell.JSON:
        return guard(value) if guarded else value
    if cell is Cell.LIST and isinstance(value, list):
        text = ";".join(value) if _joins(value) else jsonio.dumps(value).decode()
        return guard(text) if guarded else text
    return jsonio.dumps(value).decode()


def _joins(values: list[Any]) -> bool:
    """Whether they come back as they are when joined by semicolons."""
    if not values or not all(isinstance(v, str) for v in values) or values[0][:1] == "[":
        return False
    return all(v and v == v.strip() and ";" not in v and v[0] != "'" for v in values)


def guard(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would take it for a formula."""
    if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


def unguard(text: str) -> str:
    """What `guard` was given."""
    if text[:1] == "'" and guard(text[1:]) == text:
        return text[1:]
    return text


# --- in ---

Convert = Callable[[str, str], Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A column of a document: where its cells go. No steps: nowhere; `id`: the record's id."""

    header: str
    steps: tuple[str, ...]
    convert: Convert

    @property
    def is_id(self) -> bool:
        return self.steps == ("id",)


def sources(
    obj: CompiledObject,
    headers: Sequence[str],
    mapping: Mapping[str, str],
    *,
    ignore_unknown: bool,
) -> list[Source]:
    """What each column means; Invalid naming every column that means nothing."""
    problems: list[Problem] = []
    found: list[Source] = []
    seen: dict[str, str] = {}
    labels = {f.label.casefold(): f.name for f in obj.fields.values() if f.label}
    for header in headers:
        named = header in mapping
        path = mapping.get(header, header.strip())
        if not named and path not in obj.fields:
            path = labels.get(path.casefold(), path)
        source = _source(obj, header, path)
        if source is None:
            if not ignore_unknown or named:
                hint = nearest(path, obj.fields)
                message = f"there is no field {path!r} in {obj.name}{hint}; map the column to one"
                problems.append(Problem(f"columns.{header}", "UNKNOWN_FIELD", message))
            found.append(Source(header, (), _text))
            continue
        where = ".".join(source.steps)
        if where and where in seen:
            message = f"the columns {seen[where]!r} and {header!r} mean the same"
            problems.append(Problem(f"columns.{header}", "DUPLICATE", message))
        seen[where] = header
        found.append(source)
    unused = [name for name in mapping if name not in headers]
    for name in unused:
        message = f"the document has no column {name!r}{nearest(name, headers)}"
        problems.append(Problem(f"mapping.{name}", "UNKNOWN_COLUMN", message))
    if problems:
        raise Invalid(problems)
    return found


def _source(obj: CompiledObject, header: str, path: str) -> Source | None:
    if not path:
        return Source(header, (), _text)
    name, _, part = path.partition(".")
    field = obj.fields.get(name)
    if field is None:
        if path == "id":
            return Source(header, ("id",), _text)
        return Source(header, (), _text) if name in PLATFORM_FIELDS else None
    steps, cell = _place(field, part)
    if steps is None:
        return None
    return Source(header, ("fields", name, *steps), _CONVERT[cell])


def _place(field: Field, part: str) -> tuple[tuple[str, ...] | None, Cell]:
    if field.type is T.RELATION:
        if not part or (part == "id" and not is_morph(field)):
            return (), Cell.ANY
        if is_morph(field):
            return ((part,), Cell.TEXT) if part in {"object", "id"} else (None, Cell.TEXT)
        return ("match", part.removeprefix("match.")), Cell.TEXT
    known = dict(_PARTS.get(field.type, ())) | _MORE_PARTS.get(field.type, {})
    if part:
        return (tuple(part.split(".")), known[part]) if part in known else (None, Cell.TEXT)
    return (), Cell.ANY if known else _CELLS.get(field.type, Cell.TEXT)


def read_row(
    sources: Sequence[Source], cells: Sequence[str], *, clear_empty: bool
) -> tuple[str, dict[str, Any]]:
    """(id, fields) of one row; Invalid where a cell can't even be read."""
    record_id = ""
    fields: dict[str, Any] = {}
    problems: list[Problem] = []
    if len(cells) > len(sources) and any(cells[len(sources) :]):
        raise refuse(
            "", "TOO_MANY_CELLS", f"the row has more cells than the {len(sources)} columns"
        )
    for source, text in zip(sources, cells, strict=False):
        steps = source.steps
        if not steps or (not text and not clear_empty):
            continue
        if len(steps) == 1:
            record_id = text
            continue
        try:
            value = source.convert(text, source.header) if text else None
        except Invalid as exc:
            problems += exc.problems
            continue
        if len(steps) == 2:
            fields[steps[1]] = value
            continue
        place = fields
        for step in steps[1:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    if problems:
        raise Invalid(problems)
    return record_id, fields


def _text(text: str, _header: str) -> str:
    return unguard(text) if text[0] == "'" else text


def _number(text: str, _header: str) -> Any:
    bare = text.strip()
    if _NUMBER.fullmatch(bare) or _FRACTION.fullmatch(bare):
        digits = bare.removeprefix("+")
        if digits.startswith("."):
            digits = "0" + digits
        try:
            return jsonio.loads_exact(digits.encode())
        except Invalid:
            return text
    return text  # for the field's type to refuse


def _boolean(text: str, _header: str) -> Any:
    bare = text.strip().lower()
    return True if bare in _TRUE else False if bare in _FALSE else text


def _list(text: str, header: str) -> Any:
    bare = unguard(text).strip()
    if bare.startswith("["):
        return _json(bare, header)
    return [one for part in bare.split(";") if (one := part.strip())]


def _json(text: str, header: str) -> Any:
    try:
        return jsonio.loads_exact(text.encode())
    except Invalid as exc:
        raise refuse(header, exc.problems[0].code, exc.problems[0].message) from None


def _any(text: str, header: str) -> Any:
    return _json(text, header) if text.lstrip()[:1] == "{" else _text(text, header)


_CONVERT: dict[Cell, Convert] = {
    Cell.TEXT: _text,
    Cell.NUMBER: _number,
    Cell.BOOLEAN: _boolean,
    Cell.LIST: _list,
    Cell.JSON: _json,
    Cell.ANY: _any,
}
