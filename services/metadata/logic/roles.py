"""The roles that members and keys have, and what each may do."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from schema.access import ACTIONS, Access, one_copy
from services.metadata.model import CustomRole

PERMISSIONS = ("read", "write", "schema", "rules", "admin")
BESIDE_RECORDS = ("schema", "rules", "admin")  # what a role of the workspace's own may be given
_WRITES = frozenset(ACTIONS) - {"read"}
# What an action on records takes of the permissions of a standard role.
PERMISSION_OF = {
    "read": "read",
    "create": "write",
    "update": "write",
    "delete": "write",
    "purge": "admin",
}


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    description: str
    permissions: tuple[str, ...]


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role("admin", "Everything, definitions and access included.", PERMISSIONS),
        Role("member", "Reads and writes records, and keeps rules.", ("read", "write", "rules")),
        Role("read_only", "Reads, and changes nothing.", ("read",)),
    )
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role amounts to: permissions, and for roles of a workspace's own what they may do
    with which records (None: the permissions say it all)."""

    permissions: frozenset[str] = frozenset()
    access: bytes | None = None


NOTHING = Grant(access=msgspec.json.encode(Access()))


def granted_by(role: str) -> Grant | None:
    """What a standard role amounts to; None for any other."""
    found = ROLES.get(role)
    return Grant(frozenset(found.permissions)) if found else None


def granted_by_custom(role: CustomRole | None) -> Grant:
    """Nothing for a role that is unknown: deny is the default. Every other reads, and writes where
    it may change any record; which ones is decided where they are kept."""
    if role is None:
        return NOTHING
    permissions = {"read", *role.permissions}
    if any(_WRITES.intersection(own.actions) for own in role.objects.values()):
        permissions.add("write")
    access = msgspec.json.encode(Access(role.name, role.objects), order="sorted")
    return Grant(frozenset(permissions), one_copy(access))


def verdict(
    role: str,
    permissions: frozenset[str],
    access: Access | None,
    action: str,
    *,
    object_id: str,
    object_name: str,
    field_id: str = "",
    field_name: str = "",
) -> tuple[bool, str]:
    """Whether a role grants an action on an object's records or on one field of them, and why."""
    where = f"{object_name}.{field_name}" if field_name else object_name
    if access is None:
        needed = PERMISSION_OF[action]
        verb = "has" if needed in permissions else "lacks"
        said = f"The role {role} {verb} the permission {needed}, which applies to all records."
        return needed in permissions, said
    own = access.objects.get(object_id)
    if own is None or action not in own.actions:
        listed = _listed(own.actions if own else ())
        return False, f"The role {role} grants {listed} on {object_name}, and not {action}."
    entry = own.fields.get(field_id)
    if entry is not None and not (entry.read if action == "read" else entry.update):
        return False, f"The role {role} has an entry for {where} that denies {action}."
    said = f"The role {role} grants {action} on {where}."
    if own.rule is not None:
        said += " Its rule says on which records."
    return True, said


def _listed(actions: Sequence[str]) -> str:
    return ", ".join(actions) or "nothing"
