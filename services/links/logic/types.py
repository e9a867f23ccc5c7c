"""Say what a link type allows and how it reads from either end."""

from uuid import UUID

from planes.nodes import Node
from schema.compiled import Workspace
from schema.model import LinkType
from services.links.model import Direction

_ONE_TARGET = frozenset({"one_to_one", "many_to_one"})
_ONE_SOURCE = frozenset({"one_to_one", "one_to_many"})


def one_target(kind: LinkType) -> bool:
    """Whether a source has at most one target."""
    return kind.cardinality in _ONE_TARGET and not kind.symmetric


def one_source(kind: LinkType) -> bool:
    """Whether a target has at most one source."""
    return kind.cardinality in _ONE_SOURCE and not kind.symmetric


def claims_ends(kind: LinkType) -> bool:
    """Whether a node has at most one link of this symmetric type, at whichever end."""
    return kind.symmetric and kind.cardinality != "many_to_many"


def find(workspace: Workspace, name_or_id: str) -> tuple[LinkType, Direction] | None:
    """The active type of that name, id or inverse name, and the direction that it was named in."""
    if found := workspace.link_types.get(name_or_id):
        return found, Direction.OUT
    found = workspace.link_types_by_id.get(name_or_id)
    if found is not None and found.active:
        return found, Direction.OUT
    for kind in workspace.link_types.values():
        if kind.inverse_name == name_or_id:
            return kind, Direction.IN
    return None


def names(workspace: Workspace) -> list[str]:
    """Every name that `find` knows, for hints."""
    inverse = (kind.inverse_name for kind in workspace.link_types.values())
    return [*workspace.link_types, *(name for name in inverse if name)]


def of_field(workspace: Workspace) -> dict[str, LinkType]:
    """The types that relation fields project, by field id."""
    return {kind.field_id: kind for kind in workspace.link_types_by_id.values() if kind.field_id}


def countable(workspace: Workspace, kind: LinkType, direction: Direction) -> bool:
    """Whether the caller may see every record that links of the type lead to, so that their number
    says nothing of others: of a custom role, where no rule picks some of them."""
    if workspace.full is workspace:
        return True
    far = kind.target_kinds if direction is Direction.OUT else kind.source_kinds
    reached = [workspace.object(name) for name in far]
    hidden = workspace.full.link_types_by_id[kind.id]
    whole = (kind.source_kinds, kind.target_kinds) == (hidden.source_kinds, hidden.target_kinds)
    return whole and bool(far) and all(o is not None and o.rule is None for o in reached)


def name_from(kind: LinkType, direction: Direction) -> str:
    """The type as read from the end where a link has this direction."""
    if direction is Direction.OUT or kind.symmetric:
        return kind.name
    return kind.inverse_name or f"{kind.name}_of"


def ordered(kind: LinkType, source: Node, target: Node) -> tuple[Node, Node]:
    """Source and target as stored: the ends of a symmetric link have no order of their own."""
    return (target, source) if kind.symmetric and target < source else (source, target)


def listed(
    workspace: Workspace, named: tuple[LinkType, Direction] | None, direction: Direction | None
) -> dict[Direction, tuple[UUID, ...]]:
    """The ids of types to list, by direction. A symmetric type has no direction: it is in both.

    A type named by its inverse is read in, unless a direction says otherwise.
    """
    kinds = list(workspace.link_types.values())
    if named is not None:
        kinds = [named[0]]
        if direction is None and named[1] is Direction.IN:
            direction = Direction.IN
    found = {}
    for side in Direction:
        wanted = [k for k in kinds if direction in {None, side} or k.symmetric]
        found[side] = tuple(UUID(k.id) for k in wanted)
    return found


def policy(kind: LinkType, deleted: Direction) -> str:
    """What the deletion of an end means; `deleted` is the link's direction seen from that end."""
    return kind.on_source_delete if deleted is Direction.OUT else kind.on_target_delete
