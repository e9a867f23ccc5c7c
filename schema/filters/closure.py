"""Compile a filter tree to a Python predicate: nested closures, nothing interpreted per record."""

from collections.abc import Callable, Iterable
from typing import Any

from schema.filters.context import EvalContext
from schema.filters.resolve import resolve_relative
from schema.filters.scalars import Getter, Record, exact, getter, json_equal, sortable_instant
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
)
from schema.filters.walk import follows_relations
from schema.fold import fold
from schema.problems import refuse

Predicate = Callable[[Record], bool]
_ABSENT = object()
# The live records that a hop leads to from a record.
Related = Callable[[Hop, Record], Iterable[Record]]

_WHOLE = (Kind.COMPOSITE, Kind.JSON, Kind.ARRAY, Kind.MULTI_SELECT, Kind.FILE)


def compile_closure(
    tree: Tree | None, ctx: EvalContext, related: Related | None = None
) -> Predicate:
    """A predicate on records as `{"id", "create_time", ..., "fields": {key: canonical value}}`.

    No filter holds for everything. A tree that goes through relations needs `related`, and is
    refused without it."""
    if tree is None:
        return lambda _record: True
    if related is None and follows_relations(tree):
        message = "this filter goes through relations, which are not at hand here"
        raise refuse("filter", "NO_RELATIONS", message)
    return _compile(resolve_relative(tree, ctx), related and _seen(related, ctx))


def _seen(related: Related, ctx: EvalContext) -> Related:
    """The records that a hop leads to, but for those that its rule hides from the caller."""

    def found(hop: Hop, record: Record) -> Iterable[Record]:
        others = related(hop, record)
        if hop.rule is None:
            return others
        test = _compile(hop.rule.at(ctx.now), related)
        return [other for other in others if test(other)]

    return found


def _compile(tree: Tree, related: Related | None) -> Predicate:
    match tree:
        case Condition():
            return _condition(tree, related)
        case And(children):
            return _all([_compile(child, related) for child in children])
        case Or(children):
            return _any([_compile(child, related) for child in children])
        case Not(child):
            return _not(_compile(child, related))
        case Some(path, child):
            return _through((*path.hops, path.many), _compile(child, related), related)
        case None_(path, child):
            return _not(_through((*path.hops, path.many), _compile(child, related), related))
        case Every(path, child):
            fails = _not(_compile(child, related))
            return _not(_through((*path.hops, path.many), fails, related))


def _condition(condition: Condition, related: Related | None) -> Predicate:
    """Complements are taken outside the hops: `company.name ne x` holds without a company."""
    op, leaf, value = condition.op, condition.path.leaf, condition.value
    if op == "is_empty":
        filled = _through(condition.path.hops, _filled(getter(leaf)), related)
        return _not(filled) if value else filled
    core = _core(COMPLEMENTS.get(op, op), leaf, value)
    reached = _through(condition.path.hops, core, related)
    return _not(reached) if op in COMPLEMENTS else reached


def _core(op: str, leaf: Leaf, value: Any) -> Predicate:
    get = getter(leaf)
    match op:
        case "eq":
            return _equals(leaf, get, value)
        case "in":
            return _among(leaf, get, value)
        case "contains_any":
            return _contains_any(get, frozenset(value))
        case "contains_all":
            return _on(get, frozenset(value).issubset)
        case "path_eq":
            keys, wanted = value["path"].split("."), value["value"]
            return _on(get, lambda root: json_equal(_at(root, keys), wanted))
        case "has_key":
            steps = value.split(".")
            return _on(get, lambda root: _at(root, steps) is not _ABSENT)
    if leaf.kind is Kind.TEXT:
        return _on(get, _text_test(op, value))
    if leaf.kind is Kind.SELECT:
        assert leaf.field is not None
        ranks = {option.value: rank for rank, option in enumerate(leaf.field.options)}
        bound = tuple(ranks[v] for v in value) if op == "between" else ranks[value]
        return _on(_ranked(get, ranks), _range_test(op, bound))
    if op == "between":
        return _on(get, _range_test(op, tuple(_comparable(leaf, v) for v in value)))
    return _on(get, _range_test(op, _comparable(leaf, value)))


def _comparable(leaf: Leaf, value: Any) -> Any:
    """The operand in the shape that the leaf's getter gives."""
    if leaf.kind is Kind.DATE_TIME:
        return sortable_instant(value)
    if leaf.kind in (Kind.NUMBER, Kind.POSITION):
        number = exact(value)
        whole = int(number)
        return whole if whole == number else number
    return value


def _equals(leaf: Leaf, get: Getter, value: Any) -> Predicate:
    if leaf.kind in _WHOLE:
        return _on(get, lambda found: json_equal(found, value))
    wanted = _comparable(leaf, value)
    return lambda record: bool(get(record) == wanted)


def _among(leaf: Leaf, get: Getter, values: tuple[Any, ...]) -> Predicate:
    if leaf.kind in _WHOLE:
        return _on(get, lambda found: any(json_equal(found, value) for value in values))
    wanted = frozenset(_comparable(leaf, value) for value in values)
    return lambda record: get(record) in wanted


def _contains_any(get: Getter, wanted: frozenset[Any]) -> Predicate:
    return _on(get, lambda items: not wanted.isdisjoint(items))


def _text_test(op: str, value: Any) -> Callable[[str], bool]:
    match op:
        case "contains":
            return lambda text: value in text
        case "starts_with":
            return lambda text: text.startswith(value)
        case "ends_with":
            return lambda text: text.endswith(value)
        case "search":
            words = fold(value).split()
            return lambda text: _has_all(fold(text), words)
    if op == "between":
        test = _range_test(op, tuple(map(fold, value)))
        return lambda text: test(fold(text))
    folded = fold(value)
    match op:
        case "icontains":
            return lambda text: folded in fold(text)
        case "istarts_with":
            return lambda text: fold(text).startswith(folded)
        case "iends_with":
            return lambda text: fold(text).endswith(folded)
        case "ieq":
            return lambda text: fold(text) == folded
    test = _range_test(op, folded)
    return lambda text: test(fold(text))


def _has_all(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def _range_test(op: str, bound: Any) -> Callable[[Any], bool]:
    match op:
        case "lt":
            return lambda value: bool(value < bound)
        case "lte":
            return lambda value: bool(value <= bound)
        case "gt":
            return lambda value: bool(value > bound)
        case "gte":
            return lambda value: bool(value >= bound)
        case "between":
            low, high = bound
            return lambda value: bool(low <= value <= high)
    raise AssertionError(op)  # parse_json lets no other operator through


def _ranked(get: Getter, ranks: dict[str, int]) -> Getter:
    return lambda record: ranks.get(get(record))


def _at(value: Any, keys: list[str]) -> Any:
    """Follow object keys; lists are not entered."""
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def _filled(get: Getter) -> Predicate:
    return lambda record: get(record) is not None


def _on(get: Getter, test: Callable[[Any], bool]) -> Predicate:
    """Every test of an empty value fails."""

    def check(record: Record) -> bool:
        value = get(record)
        return value is not None and test(value)

    return check


def _through(hops: tuple[Hop, ...], test: Predicate, related: Related | None) -> Predicate:
    """Whether some record at the end of the hops passes."""
    for hop in reversed(hops):
        assert related is not None
        test = _hop(hop, test, related)
    return test


def _hop(hop: Hop, test: Predicate, related: Related) -> Predicate:
    return lambda record: any(test(other) for other in related(hop, record))


def _not(test: Predicate) -> Predicate:
    return lambda record: not test(record)


def _all(tests: list[Predicate]) -> Predicate:
    if len(tests) == 2:
        first, second = tests
        return lambda record: first(record) and second(record)
    return lambda record: all(test(record) for test in tests)


def _any(tests: list[Predicate]) -> Predicate:
    if len(tests) == 2:
        first, second = tests
        return lambda record: first(record) or second(record)
    return lambda record: any(test(record) for test in tests)
