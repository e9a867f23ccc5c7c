"""Make, change and delete the roles of a workspace's own, and say what a role amounts to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kit import etags, ids
from kit.caller import Caller
from kit.db import Tx
from kit.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Violation,
)
from schema.compiled import Workspace
from schema.field_types.refusals import Problems, did_you_mean, listing, shown
from schema.field_types.text import clean
from services.metadata import events
from services.metadata.logic import custom_roles as logic
from services.metadata.logic.catalog import Definitions
from services.metadata.logic.roles import ROLES, Grant, granted_by, granted_by_custom
from services.metadata.model import CustomRole
from services.metadata.operations.announcing import announce
from services.metadata.operations.catalogues import Catalogues
from services.metadata.store import definitions as definition_store
from services.metadata.store import roles as store

_MAX_DESCRIPTION = 1000


async def grant(tx: Tx, workspace_id: UUID, role: str) -> Grant:
    """What a role amounts to now; nothing for one that there is not."""
    return granted_by(role) or granted_by_custom(await store.get(tx, workspace_id, role))


async def check_known(tx: Tx, workspace_id: UUID, role: str) -> None:
    """INVALID_ARGUMENT / ROLE_UNKNOWN; a role that is known stays until commit."""
    if role in ROLES or await store.hold(tx, workspace_id, role):
        return
    known = [*ROLES, *(r.name for r in await store.every(tx, workspace_id))]
    message = f"there is no role {shown(role)}; roles: {listing(known)}"
    hint = did_you_mean(role, known)
    raise InvalidArgument.at("ROLE_UNKNOWN", "role", "UNKNOWN_CHOICE", message + hint)


async def create(
    tx: Tx, caller: Caller, catalogues: Catalogues, raw: Mapping[str, Any]
) -> tuple[CustomRole, Definitions]:
    """A role that denies what it does not grant."""
    # Under the workspace's lock, so that no field goes while a rule that uses it comes.
    base = (await catalogues.begin(tx, caller.workspace_id)).draft.base
    return await make(tx, caller, base.draft.compiled(), base.version, raw), base


async def make(
    tx: Tx, caller: Caller, workspace: Workspace, metadata_version: int, raw: Mapping[str, Any]
) -> CustomRole:
    """The same, by definitions that stay as they are until commit."""
    checked = judged(workspace, raw)
    known = await store.every(tx, caller.workspace_id)
    if len(known) >= logic.MAX_ROLES:
        message = f"a workspace has at most {logic.MAX_ROLES} roles of its own"
        raise ResourceExhausted("LIMIT_REACHED", message, limit="ROLE")
    made = await store.insert(
        tx,
        caller.workspace_id,
        ids.new_id(),
        raw["name"],
        checked.get("description", ""),
        checked.get("permissions", ()),
        checked.get("objects", {}),
    )
    await announce(tx, caller, events.role("created", None, made, metadata_version))
    return made


def judged(workspace: Workspace, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What a new role is made of; INVALID_ARGUMENT / ROLE_INVALID with every problem."""
    problems = Problems()
    name = raw.get("name", "")
    if not store.NAME.fullmatch(name):
        message = "must be lower case letters, digits and underscores, from a letter, at most 63"
        problems.add("name", "INVALID_NAME", message)
    elif name in {*ROLES, "system"}:
        problems.add("name", "RESERVED_NAME", f"{name} is a standard role; choose another name")
    checked = _checked(workspace, raw, problems)
    _refuse(problems)
    return checked


async def update(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    name: str,
    raw: Mapping[str, Any],
    etag: str,
) -> tuple[CustomRole, Definitions]:
    """What is sent replaces what was there; what changes nothing writes nothing."""
    base = (await catalogues.begin(tx, caller.workspace_id)).draft.base
    old = await _own(tx, caller.workspace_id, name)
    etags.check(etag, old.version)
    return await change(tx, caller, base.draft.compiled(), base.version, old, raw), base


async def change(
    tx: Tx,
    caller: Caller,
    workspace: Workspace,
    metadata_version: int,
    old: CustomRole,
    raw: Mapping[str, Any],
) -> CustomRole:
    """The same, of a locked role, by definitions that stay as they are until commit."""
    problems = Problems()
    if raw.get("name") not in {None, "", old.name}:
        problems.add("name", "IMMUTABLE", "a role keeps its name; make another one")
    checked = _checked(workspace, raw, problems)
    _refuse(problems)
    wanted = {
        "description": old.description,
        "permissions": old.permissions,
        "objects": old.objects,
    } | checked
    if all(getattr(old, part) == value for part, value in wanted.items()):
        return old
    new = await store.update(tx, caller.workspace_id, old.role_id, **wanted)
    await announce(tx, caller, events.role("updated", old, new, metadata_version))
    return new


async def delete(tx: Tx, caller: Caller, name: str) -> None:
    """Remove a role that nobody has."""
    old = await _own(tx, caller.workspace_id, name)
    members, keys = await store.users(tx, caller.workspace_id, old.name)
    if members or keys:
        message = f"{members} members and {keys} valid keys have the role; change or revoke them"
        raise FailedPrecondition("ROLE_IN_USE", message, role=old.name)
    await store.delete(tx, caller.workspace_id, old.role_id)
    version = await definition_store.version_of(tx, caller.workspace_id) or 0
    await announce(tx, caller, events.role("deleted", old, None, version))


def not_found(name: str) -> NotFound:
    return NotFound("ROLE_NOT_FOUND", f"there is no role {shown(name)}", role=name[:100])


async def _own(tx: Tx, workspace_id: UUID, name: str) -> CustomRole:
    if name in ROLES:
        message = f"{name} is a standard role, the same in every workspace; make one of your own"
        raise FailedPrecondition("ROLE_STANDARD", message, role=name)
    found = await store.lock(tx, workspace_id, name)
    if found is None:
        raise not_found(name)
    return found


def _checked(workspace: Workspace, raw: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "description" in raw:
        with problems.collect():
            found["description"] = clean(raw["description"], "description", _MAX_DESCRIPTION)
    if "permissions" in raw:
        found["permissions"] = logic.permissions(raw["permissions"], problems)
    if "objects" in raw:
        found["objects"] = logic.objects(workspace, raw["objects"], problems)
    return found


def _refuse(problems: Problems) -> None:
    if not problems:
        return
    violations = [Violation(p.path, p.code, p.message) for p in problems]
    message = f"{violations[0].path}: {violations[0].message}"
    raise InvalidArgument("ROLE_INVALID", message, violations=violations)
