"""Rebuild or visit a filter tree, one condition at a time."""

from collections.abc import Callable, Iterator

from schema.filters.tree import And, Condition, Every, Hop, Leaf, None_, Not, Or, Some, Tree, Via


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


def routes(
    tree: Tree, before: tuple[Hop, ...] = ()
) -> Iterator[tuple[tuple[Hop, ...], Leaf | None]]:
    """Every way that judging a record goes: through which hops, and to which leaf; None for the
    hops of a `some`, `none` or `every` by themselves."""
    match tree:
        case Condition(path):
            yield (*before, *path.hops), path.leaf
        case And(children) | Or(children):
            for child in children:
                yield from routes(child, before)
        case Not(child):
            yield from routes(child, before)
        case Some(reach, child) | None_(reach, child) | Every(reach, child):
            hops = (*before, *reach.hops, reach.many)
            yield hops, None
            yield from routes(child, hops)


def follows_links(tree: Tree) -> bool:
    """Whether judging a record needs to know of links."""
    return any(hop.via is Via.LINK for hops, _ in routes(tree) for hop in hops)
