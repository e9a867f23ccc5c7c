"""Make and change workspaces, and the one that a platform starts with."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from kit import ids
from kit.caller import Caller
from kit.db import Database, Tx
from kit.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied, Violation
from schema.field_types.refusals import Problems, unknown_names
from schema.field_types.text import clean
from services.metadata import events
from services.metadata.logic import calendars, keys
from services.metadata.model import Workspace
from services.metadata.operations.announcing import announce
from services.metadata.operations.catalogues import Catalogues
from services.metadata.store import access as access_store
from services.metadata.store import changes as change_store
from services.metadata.store import definitions as definition_store
from services.metadata.store import workspaces as store

KEYS = ("display_name", "time_zone", "week_start")
_MAX_NAME = 255


async def create(
    tx: Tx, caller: Caller, raw: Mapping[str, Any], given_id: str
) -> tuple[Workspace, keys.Key]:
    """A new workspace and its first admin key, in the transaction of the operator's call."""
    if not caller.operator:
        raise PermissionDenied("OPERATOR_REQUIRED", "only an operator's key makes workspaces")
    checked = _checked({"time_zone": "UTC", "week_start": "monday"} | dict(raw), required=True)
    workspace_id = ids.client_id(given_id, "id")
    await store.enter(tx, workspace_id)
    made = await store.insert(tx, workspace_id, **checked)
    if made is None:
        raise AlreadyExists("ID_TAKEN", f"the id {workspace_id} is taken")
    key = keys.new_key(ids.new_id())
    stored = await access_store.insert_key(
        tx, workspace_id, key.api_key_id, key.digest(), display_name="First key", role="admin"
    )
    assert stored is not None
    there = replace(caller, workspace_id=workspace_id)
    await announce(
        tx, there, events.workspace("created", made, 1, None), events.api_key("created", stored, 1)
    )
    await store.enter(tx, caller.workspace_id)
    return made, key


async def get(tx: Tx, workspace_id: UUID) -> Workspace:
    found = await store.get(tx, workspace_id)
    if found is None:
        raise NotFound("WORKSPACE_NOT_FOUND", "there is no such workspace")
    return found


async def update(
    tx: Tx, caller: Caller, catalogues: Catalogues, raw: Mapping[str, Any]
) -> tuple[Workspace, int]:
    """Change name, time zone or week start; relative dates resolve anew at the next version."""
    checked = _checked(raw, required=False)
    change = await catalogues.begin(tx, caller.workspace_id)
    old = await get(tx, caller.workspace_id)
    wanted = {k: getattr(old, k) for k in KEYS} | checked
    base = change.draft.base
    if wanted == {k: getattr(old, k) for k in KEYS}:
        return old, base.version
    version = base.version + 1
    new = await store.update(tx, caller.workspace_id, **wanted)
    await definition_store.bump(tx, caller.workspace_id, version)
    await change_store.add(
        tx,
        caller.workspace_id,
        (version, 1),
        "workspace.updated",
        caller.workspace_id,
        before=events.workspace_document(old),
        after=events.workspace_document(new),
        actor=caller.actor(),
        at=change.at,
    )
    await announce(tx, caller, events.workspace("updated", new, version, old))
    catalogues.bumped(tx, caller.workspace_id, version)
    return new, version


async def bootstrap(db: Database, workspace_id: UUID, key: keys.Key) -> None:
    """The workspace and the operator's key that a platform starts with; repeating it, or doing it
    in two processes at once, changes nothing."""
    system = Caller(workspace_id, "system", "system", "Armature")
    async with db.transaction(workspace_id) as tx:
        made = await store.insert(tx, workspace_id, "Armature", "UTC", "monday")
        if made is not None:
            await announce(tx, system, events.workspace("created", made, 1, None))
        stored = await access_store.insert_key(
            tx,
            workspace_id,
            key.api_key_id,
            key.digest(),
            display_name="Operator",
            role="admin",
            operator=True,
        )
        if stored is not None:
            version = await definition_store.version_of(tx, workspace_id)
            await announce(tx, system, events.api_key("created", stored, version or 1))


def _checked(raw: Mapping[str, Any], *, required: bool) -> dict[str, str]:
    problems = Problems()
    if unknown := [k for k in raw if k not in KEYS]:
        problems += unknown_names("", "UNKNOWN_PROPERTY", "property of a workspace", unknown, KEYS)
    found = {k: v for k, v in raw.items() if k in KEYS}
    if "display_name" in found or required:
        with problems.collect():
            name = clean(found.get("display_name") or "", "display_name", _MAX_NAME).strip()
            found["display_name"] = name
            if not name:
                problems.add("display_name", "REQUIRED", "a workspace needs a name")
    calendars.check(found.get("time_zone"), found.get("week_start"), problems)
    if problems:
        violations = [Violation(p.path, p.code, p.message) for p in problems]
        message = f"{problems[0].path}: {problems[0].message}"
        raise InvalidArgument("WORKSPACE_INVALID", message, violations=violations)
    return found
