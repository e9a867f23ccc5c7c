"""The roles that members and keys have, and what each may do."""

from dataclasses import dataclass

PERMISSIONS = ("read", "write", "schema", "rules", "admin")


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


def permissions_of(role: str) -> frozenset[str]:
    """Nothing for a role that is unknown: deny is the default."""
    found = ROLES.get(role)
    return frozenset(found.permissions) if found else frozenset()
