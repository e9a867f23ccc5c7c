"""Make, change and delete the roles of a blueprint, as far as they are still the blueprint's."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from kit.errors import PermissionDenied
from schema.compiled import Workspace
from services.metadata.logic.consequences import Consequence
from services.metadata.model import Installed, Part
from services.metadata.operations import roles
from services.metadata.store import roles as store

CHANGED, TAKEN = "it was changed since", "there was one of this name already"
DELETED = "it was deleted since: restore brings it back"


@dataclass(frozen=True, slots=True)
class Asked:
    """A call on a blueprint, and what its caller may not do of it, by permission."""

    caller: Caller
    blueprint: str
    validate_only: bool = False
    restore: bool = False  # bring back what somebody has deleted
    lacks: dict[str, list[str]] = field(default_factory=dict)

    def may(self, permission: str, kind: str, name: str) -> bool:
        if permission in self.caller.permissions:
            return True
        self.lacks.setdefault(permission, []).append(f"{kind} {name}")
        return False

    def refuse(self) -> None:
        """PERMISSION_DENIED / PERMISSION_REQUIRED that names all that is lacking; a plan says it
        of each change instead."""
        if not self.lacks or self.validate_only:
            return
        lacks = [f"{p} (for {', '.join(what)})" for p, what in sorted(self.lacks.items())]
        message = (
            f"the blueprint {self.blueprint!r} takes the permissions {' and '.join(lacks)}, which "
            f"the role {self.caller.role!r} lacks; nothing was changed"
        )
        named = ", ".join(sorted(self.lacks))
        raise PermissionDenied("PERMISSION_REQUIRED", message, permission=named)


def lacking(permission: str) -> str:
    return f"it takes the permission {permission}"


def form_of(raw: Mapping[str, Any]) -> str:
    """A hash of what a document says of one thing."""
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]


async def bring(
    tx: Tx,
    asked: Asked,
    workspace: Workspace,
    version: int,
    raw: Mapping[str, Any],
    part: Part | None,
) -> tuple[Part | None, list[Consequence]]:
    """The role as the blueprint leaves it, if it is the blueprint's."""
    caller, name, form = asked.caller, raw["name"], form_of(raw)
    old = await store.lock(tx, caller.workspace_id, name)
    if part is not None and old is None and not asked.restore:
        return part, [kept(name, DELETED)]
    if part is not None and part.form == form and old is not None:
        return part, []
    if old is not None and (part is None or str(old.role_id) != part.id):
        return None, [kept(name, TAKEN)]
    if old is not None and part is not None and old.version != part.version:
        return part, [kept(name, CHANGED)]
    action = "create" if old is None else "update"
    if not asked.may("admin", "role", name):
        return part, [Consequence(action, "role", name, affects=(lacking("admin"),))]
    wanted = dict(raw) | {"objects": [_whole(one) for one in raw["objects"]]}
    if asked.validate_only:
        roles.judged(workspace, wanted)
        return part, [Consequence(action, "role", name)]
    if old is None:
        new = await roles.make(tx, caller, workspace, version, wanted)
    else:
        new = await roles.change(tx, caller, workspace, version, old, wanted)
    return Part(str(new.role_id), new.version, form), [Consequence(action, "role", name)]


def _whole(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {"fields": [], "rule": None, **raw}


async def take_out(tx: Tx, asked: Asked, had: Installed) -> Sequence[Consequence]:
    """Delete the roles that are as the blueprint left them, and that nobody has."""
    caller, found = asked.caller, []
    for name, part in sorted(had.parts.get("role", {}).items()):
        old = await store.lock(tx, caller.workspace_id, name)
        if old is None or str(old.role_id) != part.id:
            continue
        if old.version != part.version:
            found.append(kept(name, CHANGED))
            continue
        if any(await store.users(tx, caller.workspace_id, name)):
            found.append(kept(name, "members or keys have it"))
            continue
        may = asked.may("admin", "role", name)
        if may and not asked.validate_only:
            await roles.delete(tx, caller, name)
        why = () if may else (lacking("admin"),)
        found.append(Consequence("delete", "role", name, destructive=True, affects=why))
    return found


def kept(name: str, why: str) -> Consequence:
    return Consequence("keep", "role", name, affects=(why,))
