"""Make and revoke API keys, and say who belongs to the workspace."""

from datetime import datetime
from uuid import UUID

from kit import ids
from kit.caller import Caller
from kit.db import Tx
from kit.errors import InvalidArgument, NotFound, Violation
from schema.field_types.refusals import Problems
from schema.field_types.text import clean
from schema.problems import Invalid
from services.metadata import events
from services.metadata.logic import calendars, keys
from services.metadata.model import ApiKey, Member
from services.metadata.operations import roles
from services.metadata.operations.announcing import announce
from services.metadata.store import access as store
from services.metadata.store import definitions as definition_store

_MAX_NAME = 255


async def create_key(
    tx: Tx, caller: Caller, *, display_name: str, role: str, expire_time: datetime | None
) -> tuple[ApiKey, keys.Key]:
    """A key of a role; its secret leaves with the answer and is kept nowhere."""
    await roles.check_known(tx, caller.workspace_id, role)
    name = _name(display_name, "API_KEY_INVALID")
    if expire_time is not None and await store.is_past(tx, expire_time):
        message = "must lie in the future, or be left out"
        raise InvalidArgument.at("API_KEY_INVALID", "expire_time", "OUT_OF_RANGE", message)
    key = keys.new_key(ids.new_id())
    made = await store.insert_key(
        tx,
        caller.workspace_id,
        key.api_key_id,
        key.digest(),
        display_name=name,
        role=role,
        expire_time=expire_time,
    )
    assert made is not None
    version = await _version(tx, caller.workspace_id)
    await announce(tx, caller, events.api_key("created", made, version))
    return made, key


async def revoke_key(tx: Tx, caller: Caller, api_key_id: UUID) -> ApiKey:
    """End a key; one that was revoked before stays as it is."""
    revoked = await store.revoke_key(tx, caller.workspace_id, api_key_id)
    if revoked is not None:
        version = await _version(tx, caller.workspace_id)
        await announce(tx, caller, events.api_key("revoked", revoked, version))
        return revoked
    found = await store.get_key(tx, caller.workspace_id, api_key_id)
    if found is None:
        raise NotFound("API_KEY_NOT_FOUND", f"there is no API key {api_key_id}")
    return found


async def set_member(
    tx: Tx, caller: Caller, *, principal_id: str, kind: str, display_name: str, role: str
) -> Member:
    """Add a user, or change its role or name."""
    await roles.check_known(tx, caller.workspace_id, role)
    if not principal_id or len(principal_id) > _MAX_NAME or not principal_id.isprintable():
        message = "must be the subject of the user's tokens: 1 to 255 characters"
        raise InvalidArgument.at("MEMBER_INVALID", "principal_id", "REQUIRED", message)
    if kind != "user":
        raise InvalidArgument.at("MEMBER_INVALID", "kind", "UNKNOWN_CHOICE", "must be user")
    name = _name(display_name or principal_id, "MEMBER_INVALID")
    old = await store.get_member(tx, caller.workspace_id, principal_id)
    new = await store.set_member(
        tx, caller.workspace_id, principal_id, kind=kind, display_name=name, role=role
    )
    version = await _version(tx, caller.workspace_id)
    verb = "updated" if old else "created"
    await announce(tx, caller, events.member(verb, caller.workspace_id, new, version, old))
    return new


async def set_preferences(
    tx: Tx, caller: Caller, principal_id: str, time_zone: str, week_start: str
) -> Member | ApiKey:
    """Say how a principal reads dates; what is empty is as the workspace has it."""
    problems = Problems()
    calendars.check(time_zone or None, week_start or None, problems)
    if problems:
        violations = [Violation(p.path, p.code, p.message) for p in problems]
        message = violations[0].message
        raise InvalidArgument("PREFERENCES_INVALID", message, violations=violations)
    workspace_id = caller.workspace_id
    version = await _version(tx, workspace_id)
    old = await store.get_member(tx, workspace_id, principal_id)
    member = await store.prefer_member(tx, workspace_id, principal_id, time_zone, week_start)
    if member is not None:
        await announce(tx, caller, events.member("updated", workspace_id, member, version, old))
        return member
    key_id = _uuid(principal_id)
    was = await store.get_valid_key(tx, workspace_id, key_id) if key_id else None
    key = None
    if key_id is not None:
        key = await store.prefer_key(tx, workspace_id, key_id, time_zone, week_start)
    if key is None or was is None:
        raise NotFound("MEMBER_NOT_FOUND", f"there is no member or key {principal_id!r}")
    await announce(tx, caller, events.api_key("updated", key, version, was))
    return key


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def remove_member(tx: Tx, caller: Caller, principal_id: str) -> None:
    removed = await store.remove_member(tx, caller.workspace_id, principal_id)
    if removed is None:
        raise NotFound("MEMBER_NOT_FOUND", f"there is no member {principal_id!r}")
    version = await _version(tx, caller.workspace_id)
    gone = events.member("removed", caller.workspace_id, removed, version, removed)
    await announce(tx, caller, gone)


async def _version(tx: Tx, workspace_id: UUID) -> int:
    return await definition_store.version_of(tx, workspace_id) or 0


def _name(raw: str, reason: str) -> str:
    try:
        name = clean(raw, "display_name", _MAX_NAME).strip()
    except Invalid as exc:
        problem = exc.problems[0]
        raise InvalidArgument.at(reason, problem.path, problem.code, problem.message) from exc
    if not name:
        raise InvalidArgument.at(reason, "display_name", "REQUIRED", "a name is needed")
    return name


def key_id(text: str) -> UUID:
    """What is no UUID is the id of no key."""
    try:
        return ids.parse_id(text, "id")
    except InvalidArgument as exc:
        raise NotFound("API_KEY_NOT_FOUND", f"there is no API key {text!r}") from exc
