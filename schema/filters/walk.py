"""Rebuild or visit a filter tree, one condition at a time."""

from collections.abc import Callable, Iterator

from schema.filters.tree import And, Condition, Every, None_, Not, Or, Some, Tree


def map_conditions(tree: Tree, change: Callable[[Condition], Tree]) -> Tree:
    """The same tree with each condition replaced by what `change` gives for it."""
    match tree:
        case Condition():
            return change(tree)
        case And(children) | Or(children):
            return type(tree)(tuple(map_conditions(child, change) for child in children))
        case Not(child):
            return Not(map_conditions(child, change))
        case Some(path, child) | None_(path, child) | Every(path, child):
            return type(tree)(path, map_conditions(child, change))


def conditions(tree: Tree) -> Iterator[Condition]:
    """Every condition of the tree, those inside `not` and `some` included."""
    match tree:
        case Condition():
            yield tree
        case And(children) | Or(children):
            for child in children:
                yield from conditions(child)
        case Not(child) | Some(_, child) | None_(_, child) | Every(_, child):
            yield from conditions(child)


def follows_relations(tree: Tree) -> bool:
    """Whether judging a record needs other records."""
    match tree:
        case Condition(path):
            return bool(path.hops)
        case And(children) | Or(children):
            return any(follows_relations(child) for child in children)
        case Not(child):
            return follows_relations(child)
    return True
