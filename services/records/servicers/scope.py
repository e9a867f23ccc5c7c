"""Whom a call is for and what of the workspace it may touch: the one way to an object's records.

Every call of this plane begins here, whatever it reads or writes, and goes on with what it gets:

- `reading(definitions, name)` and `writing(definitions, name, actions)` give a `Target`: the
  caller, the workspace and the object **as the caller may see them**. A hidden object is
  NOT_FOUND; hidden fields are not among `object.fields`, so names resolved there (of filters,
  sorts, projections, groups, measures, mappings) and hints can't speak of what is hidden.
- Which *records* there are for the caller is `object.rule`. `convert.selection` joins it to the
  filter; `queries.by_ids` and `queries.visible` apply it to ids. SQL of one's own
  that starts from neither must AND `schema.access.ruled(object, tree, now)`. Paths through
  relations are ruled by the filter compiler itself.
- What stands beside the fields and mixes them (search vectors, trigrams, statistics) knows nothing
  of roles: where `target.restricted`, check its hits against the visible fields, or count.
- Indexes, statistics and unique constraints are kept for `target.full`; answers never use it.
- A write whose result must be judged calls `writes.allowed`, which refuses what the rule excludes.
"""

from collections.abc import Sequence

from kit.caller import Caller, current_caller
from kit.errors import PermissionDenied
from planes.definitions import Definitions
from schema.access import may
from schema.compiled import CompiledObject
from services.records.operations.targets import Target

# What each action takes of those whose permissions are not said object by object.
_PERMISSIONS = {
    "read": "read",
    "create": "write",
    "update": "write",
    "delete": "write",
    "purge": "admin",
}


async def reading(definitions: Definitions, name: str, at_version: int = 0) -> Target:
    """The object to read from; NOT_FOUND / OBJECT_NOT_FOUND where it is hidden."""
    caller = current_caller()
    caller.require("read")
    workspace, obj = await definitions.seen_object(caller, name, at_version=at_version)
    return Target(caller, workspace, obj)


async def writing(
    definitions: Definitions,
    name: str,
    actions: Sequence[str] = ("create", "update"),
    at_version: int = 0,
) -> Target:
    """The object to change, where the caller may do all of that with its records.

    PERMISSION_DENIED / PERMISSION_REQUIRED, or OBJECT_PERMISSION_REQUIRED for a custom role.
    """
    caller = current_caller()
    if caller.access is None:
        for action in actions:
            caller.require(_PERMISSIONS[action])
    workspace, obj = await definitions.seen_object(caller, name, at_version=at_version)
    for action in actions:
        require(caller, obj, action)
    return Target(caller, workspace, obj)


def require(caller: Caller, obj: CompiledObject, action: str) -> None:
    """PERMISSION_DENIED / OBJECT_PERMISSION_REQUIRED unless the role grants it for the object."""
    if not may(obj, action):
        raise PermissionDenied(
            "OBJECT_PERMISSION_REQUIRED",
            f"the role {caller.role!r} may not {action} records of {obj.name}",
            object=obj.name,
            action=action,
        )


def granted(caller: Caller, obj: CompiledObject, action: str) -> bool:
    """Whether the caller may do that with records of the object, as it sees them."""
    if caller.access is None:
        return _PERMISSIONS[action] in caller.permissions
    return may(obj, action)
