"""Compile a filter tree to a SQL predicate over records that is true or false, never NULL."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schema.filters.columns import (
    Fragment,
    Params,
    filled_at,
    fold_at,
    json_at,
    rank_at,
    relation_at,
    text_at,
    value_at,
)
from schema.filters.context import EvalContext
from schema.filters.resolve import resolve_relative
from schema.filters.tree import (
    COMPLEMENTS,
    And,
    Condition,
    Every,
    Hop,
    Kind,
    Leaf,
    None_,
    Not,
    Or,
    Some,
    Tree,
    Via,
)
from schema.fold import fold
from schema.problems import refuse

# A condition saying that row `inner` is reached from row `outer` by a hop: (hop, outer, inner,
# params). Names of rows are ours.
Join = Callable[[Hop, str, str, Params], str]

_UUID = "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'"
_COMPARE = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_WHOLE = (Kind.COMPOSITE, Kind.JSON, Kind.ARRAY, Kind.MULTI_SELECT, Kind.FILE)
_COLUMN_CASTS = {Kind.DATE_TIME: "timestamptz", Kind.UUID: "uuid"}


def inverse_by_document(hop: Hop, outer: str, inner: str, params: Params) -> str:
    """Inverse relations read from the documents, where no index of references is at hand."""
    assert hop.field is not None
    leaf = Leaf(hop.field.name, Kind.RELATION, hop.field)
    return f"{relation_at(leaf, inner, params)} = {outer}.record_id::text"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a plane may choose: its table, the row's name, and how it joins relations and links."""

    table: str = "records"
    row: str = "r"
    # Of an inverse hop: a query of the ids (as `id`) that reach row `outer`, or None for `inverse`.
    referring: Callable[[Hop, str, Params], str | None] | None = None
    inverse: Join = field(default=inverse_by_document)
    # Of a link: a query of the ids (as `id`) at its other end.
    linked: Callable[[Hop, str, Params], str] | None = None


def compile_sql(
    tree: Tree | None,
    ctx: EvalContext,
    dialect: Dialect | None = None,
    params: Params | None = None,
) -> Fragment:
    """The predicate; no filter is `true`. Pass `params` to join it with other fragments."""
    params = params if params is not None else Params()
    if tree is None:
        return Fragment("true", params.values)
    dialect = dialect or Dialect()
    compiler = _Compiler(dialect, params, ctx)
    return Fragment(compiler.tree(resolve_relative(tree, ctx), dialect.row), params.values)


class _Compiler:
    def __init__(self, dialect: Dialect, params: Params, ctx: EvalContext) -> None:
        self._dialect = dialect
        self._params = params
        self._ctx = ctx
        self._rows = 0

    def tree(self, tree: Tree, row: str) -> str:
        match tree:
            case Condition():
                return self._condition(tree, row)
            case And(children):
                return "(" + " AND ".join(self.tree(child, row) for child in children) + ")"
            case Or(children):
                return "(" + " OR ".join(self.tree(child, row) for child in children) + ")"
            case Not(child):
                return f"(NOT {self.tree(child, row)})"
            case Some(path, child):
                return self._reach((*path.hops, path.many), child, row)
            case None_(path, child):
                return f"(NOT {self._reach((*path.hops, path.many), child, row)})"
            case Every(path, child):
                return f"(NOT {self._reach((*path.hops, path.many), Not(child), row)})"

    def _reach(self, hops: tuple[Hop, ...], child: Tree, row: str) -> str:
        return self._through(hops, row, lambda inner: self.tree(child, inner))

    def _condition(self, condition: Condition, row: str) -> str:
        """Complements are taken outside the hops: `company.name ne x` holds without a company."""
        op, leaf, value = condition.op, condition.path.leaf, condition.value
        hops = condition.path.hops
        if op == "is_empty":
            filled = self._through(hops, row, lambda inner: filled_at(leaf, inner, self._params))
            return f"(NOT {filled})" if value else filled
        core = COMPLEMENTS.get(op, op)
        reached = self._through(hops, row, lambda inner: self._core(core, leaf, value, inner))
        return f"(NOT {reached})" if op in COMPLEMENTS else reached

    def _through(self, hops: tuple[Hop, ...], row: str, inner: Callable[[str], str]) -> str:
        if not hops:
            return inner(row)
        self._rows += 1
        other = f"{self._dialect.row}{self._rows}"
        hop = hops[0]
        if (ids := self._ids(hop, row)) is not None:
            return self._looked_up(hop, ids, row, other, self._beyond(hops, other, inner))
        return (
            f"EXISTS (SELECT 1 FROM {self._dialect.table} {other}"  # noqa: S608 names of ours
            f" WHERE {other}.workspace_id = {row}.workspace_id"
            f" AND {self._join(hop, row, other)} AND {other}.delete_time IS NULL"
            f" AND {self._beyond(hops, other, inner)})"
        )

    def _beyond(self, hops: tuple[Hop, ...], other: str, inner: Callable[[str], str]) -> str:
        """What holds of the record that a hop reached: the caller may see it, and the rest."""
        rest = self._through(hops[1:], other, inner)
        rule = hops[0].rule
        if rule is None:
            return rest
        return f"({self.tree(rule.at(self._ctx.now), other)} AND {rest})"

    def _ids(self, hop: Hop, outer: str) -> str | None:
        """A query of the ids that a hop leads to, where they are at hand."""
        if hop.via is Via.INVERSE:
            referring = self._dialect.referring
            return referring(hop, outer, self._params) if referring is not None else None
        if hop.via is Via.LINK:
            if self._dialect.linked is None:
                message = f"{hop.name!r} is a link, and links cannot be followed here"
                raise refuse("filter", "NO_RELATIONS", message)
            return self._dialect.linked(hop, outer, self._params)
        assert hop.field is not None
        found = relation_at(Leaf(hop.field.name, Kind.RELATION, hop.field), outer, self._params)
        return f"SELECT (CASE WHEN {found} ~ {_UUID} THEN {found}::uuid END) AS id"

    def _looked_up(self, hop: Hop, ids: str, row: str, other: str, inner: str) -> str:
        """Each id is looked up by itself. Behind OFFSET 0 it is a plain column: under row security
        an index is driven by leakproof conditions alone, which an expression over a document is
        not; without that each hop would read the whole workspace for each record."""
        kind = ""
        if hop.via is not Via.RELATION:
            kind = f" AND {other}.object_id = {self._params.add(hop.object_id, 'uuid')}"
        return (
            f"EXISTS (SELECT 1 FROM ({ids} OFFSET 0) AS {other}i CROSS JOIN LATERAL"  # noqa: S608 names of ours
            f" (SELECT {other}.* FROM {self._dialect.table} AS {other}"
            f" WHERE {other}.workspace_id = {row}.workspace_id"
            f" AND {other}.record_id = {other}i.id AND {other}.delete_time IS NULL{kind}"
            f" OFFSET 0) AS {other} WHERE {inner})"
        )

    def _join(self, hop: Hop, outer: str, inner: str) -> str:
        kind = f"{inner}.object_id = {self._params.add(hop.object_id, 'uuid')}"
        return f"{kind} AND {self._dialect.inverse(hop, outer, inner, self._params)}"

    def _core(self, op: str, leaf: Leaf, value: Any, row: str) -> str:
        """A positive condition; IS TRUE turns the NULL of an empty value into false."""
        return f"(({self._test(op, leaf, value, row)}) IS TRUE)"

    def _test(self, op: str, leaf: Leaf, value: Any, row: str) -> str:
        params = self._params
        match op:
            case "eq":
                return f"{value_at(leaf, row, params)} = {self._operand(leaf, value)}"
            case "in":
                return self._among(leaf, value, row)
            case "contains_any":
                return f"{json_at(leaf, row, params)} ?| {params.texts(list(value))}"
            case "contains_all":
                return f"{json_at(leaf, row, params)} ?& {params.texts(list(value))}"
            case "path_eq":
                found = self._inside(leaf, value["path"], row)
                return f"{found} = {params.json(value['value'])}"
            case "has_key":
                return f"{self._inside(leaf, value, row)} IS NOT NULL"
        if leaf.kind is Kind.TEXT and op not in _COMPARE and op != "between":
            return self._text(op, leaf, value, row)
        if op == "between":
            low, high = (self._bound(leaf, v) for v in value)
            return f"{self._ordered(leaf, row)} BETWEEN {low} AND {high}"
        return f"{self._ordered(leaf, row)} {_COMPARE[op]} {self._bound(leaf, value)}"

    def _among(self, leaf: Leaf, values: tuple[Any, ...], row: str) -> str:
        found = value_at(leaf, row, self._params)
        if leaf.kind in (*_WHOLE, Kind.BOOLEAN, Kind.NUMBER, Kind.POSITION, Kind.DATE_TIME):
            return f"{found} IN ({', '.join(self._operand(leaf, v) for v in values)})"
        cast = "uuid[]" if leaf.column and leaf.kind is Kind.UUID else "text[]"
        return f"{found} = ANY ({self._params.add(list(values), cast)})"

    def _operand(self, leaf: Leaf, value: Any) -> str:
        match leaf.kind:
            case kind if kind in _WHOLE:
                return self._params.json(value)
            case Kind.NUMBER | Kind.POSITION:
                return self._params.add(value, "numeric")
            case Kind.BOOLEAN:
                return self._params.add(value, "boolean")
            case Kind.DATE_TIME if not leaf.column:
                return self._params.text(value[:-1])
        return self._params.add(
            value, _COLUMN_CASTS.get(leaf.kind, "text") if leaf.column else "text"
        )

    def _text(self, op: str, leaf: Leaf, value: str, row: str) -> str:
        params = self._params
        match op:
            case "contains" | "starts_with" | "ends_with":
                return f"{text_at(leaf, row, params)} LIKE {params.text(_pattern(op, value))}"
            case "ieq":
                return f"{fold_at(leaf, row, params)} = {params.text(fold(value))}"
            case "search":
                found = fold_at(leaf, row, params)
                patterns = [_pattern("contains", word) for word in fold(value).split()]
                return f"{found} LIKE ALL ({params.texts(patterns)})"
        pattern = _pattern(op.removeprefix("i"), fold(value))
        return f"{fold_at(leaf, row, params)} LIKE {params.text(pattern)}"

    def _ordered(self, leaf: Leaf, row: str) -> str:
        """What ranges compare: folds, option positions, or the value itself."""
        if leaf.kind is Kind.TEXT:
            return fold_at(leaf, row, self._params)
        if leaf.kind is Kind.SELECT:
            return rank_at(leaf, row, self._params)
        return value_at(leaf, row, self._params)

    def _bound(self, leaf: Leaf, value: Any) -> str:
        if leaf.kind is Kind.TEXT:
            return self._params.text(fold(value))
        if leaf.kind is Kind.SELECT:
            assert leaf.field is not None
            options = [option.value for option in leaf.field.options]
            return self._params.add(options.index(value) + 1, "integer")
        return self._operand(leaf, value)

    def _inside(self, leaf: Leaf, dotted: str, row: str) -> str:
        steps = [self._params.text(key) for key in dotted.split(".")]
        return "(" + "->".join([json_at(leaf, row, self._params), *steps]) + ")"


def _pattern(op: str, needle: str) -> str:
    """A LIKE pattern in which the needle's own %, _ and backslash are ordinary characters."""
    escaped = needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    start = "" if op == "starts_with" else "%"
    end = "" if op == "ends_with" else "%"
    return f"{start}{escaped}{end}"
