"""The SQL that gives a leaf's value from a row of records, typed so that no cast can fail."""

from dataclasses import dataclass, field
from typing import Any

from schema.filters.paths import is_bare
from schema.filters.scalars import is_stored_as_text
from schema.filters.tree import Kind, Leaf
from schema.jsonio import dumps


@dataclass(slots=True)
class Params:
    """Collects parameters under names that stay unique however fragments are joined."""

    prefix: str = "p"
    values: dict[str, Any] = field(default_factory=dict)

    def add(self, value: Any, cast: str) -> str:
        """The placeholder of a value, cast to a type of ours."""
        name = f"{self.prefix}{len(self.values)}"
        self.values[name] = value
        return f"%({name})s::{cast}"

    def text(self, value: str) -> str:
        return self.add(value, "text")

    def texts(self, values: list[str]) -> str:
        return self.add(values, "text[]")

    def json(self, value: Any) -> str:
        return self.add(dumps(value).decode(), "jsonb")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of SQL with its parameters, as psycopg takes them: `%(p0)s`."""

    text: str
    params: dict[str, Any]


def json_at(leaf: Leaf, row: str, params: Params) -> str:
    """The value as jsonb: NULL where the document does not hold it."""
    found = "(" + "->".join(_steps(leaf, row, params)) + ")"
    if leaf.each:
        path = params.add(f'$[*]."{leaf.each}"', "jsonpath")
        return f"jsonb_path_query_array({found}, {path})"
    return found


def text_at(leaf: Leaf, row: str, params: Params) -> str:
    """The value as text; a JSON null gives NULL too. Ordered by code point."""
    steps = _steps(leaf, row, params)
    return "((" + "->".join(steps[:-1]) + "->>" + steps[-1] + ') COLLATE "C")'


def fold_at(leaf: Leaf, row: str, params: Params) -> str:
    """The fold: stored where the text is not pure ASCII, otherwise the lower-case text."""
    name = ".".join([leaf.column, *leaf.parts] if leaf.column else leaf.keys)
    stored = f"({row}.folds->>{params.text(name)})"
    return f'(coalesce({stored}, lower({text_at(leaf, row, params)})) COLLATE "C")'


def value_at(leaf: Leaf, row: str, params: Params) -> str:
    """The value in the type that it compares in."""
    if leaf.column and not leaf.parts:
        return f"{row}.{leaf.column}"
    match leaf.kind:
        case Kind.NUMBER | Kind.POSITION:
            return _number_at(leaf, row, params)
        case Kind.BOOLEAN:
            found = json_at(leaf, row, params)
            return f"(CASE WHEN jsonb_typeof({found}) = 'boolean' THEN {found}::boolean END)"
        case Kind.DATE_TIME:
            # Canonical instants without the Z order as text; nothing is parsed, so nothing fails.
            return f"""(rtrim({text_at(leaf, row, params)}, 'Z') COLLATE "C")"""
        case Kind.RELATION:
            return relation_at(leaf, row, params)
        case Kind.COMPOSITE | Kind.JSON | Kind.ARRAY | Kind.MULTI_SELECT | Kind.FILE:
            return json_at(leaf, row, params)
    return text_at(leaf, row, params)


def relation_at(leaf: Leaf, row: str, params: Params) -> str:
    """The id a relation holds, as text."""
    assert leaf.field is not None
    if is_bare(leaf.field):
        return text_at(leaf, row, params)
    return f"""(({json_at(leaf, row, params)}->>'id') COLLATE "C")"""


def rank_at(leaf: Leaf, row: str, params: Params) -> str:
    """Where a select's value stands among the options, from 1; NULL if it is none of them."""
    assert leaf.field is not None
    options = params.texts([option.value for option in leaf.field.options])
    return f"array_position({options}, {text_at(leaf, row, params)})"


def filled_at(leaf: Leaf, row: str, params: Params) -> str:
    """Whether there is a value, as a condition that is never NULL."""
    if leaf.column and not leaf.parts:
        return f"({row}.{leaf.column} IS NOT NULL)"
    if leaf.kind in (Kind.ARRAY, Kind.MULTI_SELECT, Kind.FILE):
        found = json_at(leaf, row, params)
        return f"((jsonb_typeof({found}) = 'array' AND {found} <> '[]'::jsonb) IS TRUE)"
    if leaf.kind is Kind.RELATION:
        return f"({relation_at(leaf, row, params)} IS NOT NULL)"
    return f"({text_at(leaf, row, params)} IS NOT NULL)"


def _number_at(leaf: Leaf, row: str, params: Params) -> str:
    if is_stored_as_text(leaf):
        found = text_at(leaf, row, params)
        return f"(CASE WHEN {found} ~ '^-?[0-9]+([.][0-9]+)?$' THEN {found}::numeric END)"
    found = json_at(leaf, row, params)
    return f"(CASE WHEN jsonb_typeof({found}) = 'number' THEN {found}::numeric END)"


def _steps(leaf: Leaf, row: str, params: Params) -> list[str]:
    if leaf.column:
        return [f"{row}.{leaf.column}", *(params.text(part) for part in leaf.parts)]
    return [f"{row}.doc", *(params.text(key) for key in leaf.keys)]
