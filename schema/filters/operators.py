"""Which operators each kind of leaf takes, in the order errors list them."""

from schema.filters.tree import Kind

_ALL = ("eq", "ne", "in", "not_in", "is_empty")
RANGES = ("lt", "lte", "gt", "gte", "between")
NEEDLES = (
    "contains",
    "icontains",
    "starts_with",
    "istarts_with",
    "ends_with",
    "iends_with",
    "ieq",
    "search",
)
ITEMS = ("contains_any", "contains_all", "contains_none")
# Operators that compare folds: without regard to case or accents.
FOLDED = ("icontains", "istarts_with", "iends_with", "ieq", "search")

OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: (*_ALL, *NEEDLES, *RANGES),
    Kind.NUMBER: (*_ALL, *RANGES),
    Kind.POSITION: (*_ALL, *RANGES),
    Kind.DATE: (*_ALL, *RANGES, "within"),
    Kind.DATE_TIME: (*_ALL, *RANGES, "within"),
    Kind.BOOLEAN: _ALL,
    Kind.SELECT: (*_ALL, *RANGES),
    Kind.MULTI_SELECT: (*_ALL, *ITEMS),
    Kind.ARRAY: (*_ALL, *ITEMS),
    Kind.RELATION: _ALL,
    Kind.UUID: _ALL,
    Kind.JSON: (*_ALL, "path_eq", "has_key"),
    Kind.ACTOR: _ALL,
    Kind.COMPOSITE: _ALL,
    Kind.FILE: (*_ALL, *ITEMS),
}
