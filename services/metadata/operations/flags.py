"""Set and delete feature flags, and tell which are on for whom."""

import time
from collections import OrderedDict
from typing import Any
from uuid import UUID

from kit import etags, ids
from kit.caller import Caller
from kit.db import Database, Tx
from kit.errors import Aborted, InvalidArgument, NotFound, ResourceExhausted, Violation
from schema.field_types.refusals import shown
from schema.jsonio import dumps
from services.metadata import events
from services.metadata.logic import flags as logic
from services.metadata.model import Flag
from services.metadata.operations.announcing import announce
from services.metadata.store import definitions as definition_store
from services.metadata.store import flags as store

_FRESH_SECONDS = 0.1  # planes believe an answer 0.8 s: together less than a second
_MAX_WORKSPACES = 10_000


async def put(
    tx: Tx,
    caller: Caller,
    *,
    key: str,
    environment: str,
    kind: str,
    value: Any,
    rollout: int,
    reason: str,
    etag: str,
) -> Flag:
    """Make the flag, or make it so; what changes nothing but for the reason is a change as well:
    somebody stands for it."""
    kind, problems = logic.check(key, environment, kind, value, rollout, reason)
    # Writers of flags wait for each other, so that a key has one type and there are no more flags
    # than there may be.
    if await definition_store.lock(tx, caller.workspace_id) is None:
        raise NotFound("WORKSPACE_NOT_FOUND", "there is no such workspace")
    known = await store.every(tx, caller.workspace_id)
    others = [f for f in known if f.key == key and f.environment != environment]
    old = next((f for f in known if f.key == key and f.environment == environment), None)
    if any(f.type != kind for f in [*others, *([old] if old else [])]):
        was = (old or others[0]).type
        message = f"the key has the type {was}, which code relies on; delete the flag to change it"
        problems.add("type", "TYPE_CHANGE", message)
    if problems:
        raise InvalidArgument(
            "FLAG_INVALID",
            f"{problems[0].path}: {problems[0].message}",
            violations=[Violation(p.path, p.code, p.message) for p in problems],
        )
    values = {
        "type": kind,
        "value": dumps(value).decode(),
        "rollout": rollout,
        "reason": reason,
        "operator": dict(caller.actor()),
    }
    if old is not None:
        etags.check(etag, old.version)
        new = await store.update(tx, caller.workspace_id, old.flag_id, **values)
    elif etags.expected(etag) is not None:
        raise Aborted("ETAG_MISMATCH", "there is no such flag (any more): read again and retry")
    elif len(known) >= logic.MAX_FLAGS:
        message = f"a workspace has at most {logic.MAX_FLAGS} flags"
        raise ResourceExhausted("LIMIT_REACHED", message, limit="FLAG")
    else:
        values |= {"key": key, "environment": environment}
        new = await store.insert(tx, caller.workspace_id, ids.new_id(), **values)
    await announce(tx, caller, events.flag(old, new), reason=reason)
    return new


async def delete(
    tx: Tx, caller: Caller, *, key: str, environment: str, reason: str, etag: str
) -> None:
    found = await store.lock(tx, caller.workspace_id, key, environment)
    if found is None:
        raise not_found(key, environment)
    etags.check(etag, found.version)
    await store.delete(tx, caller.workspace_id, found.flag_id)
    await announce(tx, caller, events.flag(found, None), reason=reason)


def not_found(key: str, environment: str) -> NotFound:
    where = f"the environment {shown(environment)}" if environment else "all environments"
    message = f"there is no flag {shown(key)} for {where}"
    return NotFound("FLAG_NOT_FOUND", message, key=key[:100])


class Flags:
    """What is on for whom, for the answers to whom a credential stands for."""

    def __init__(self, db: Database, environment: str) -> None:
        self._db = db
        self.environment = environment
        self._held: OrderedDict[UUID, tuple[float, dict[str, Flag]]] = OrderedDict()

    async def on_for(self, workspace_id: UUID, principal_id: str) -> bytes:
        """The flags that are on, as one JSON object; empty for none. At most a tenth of a second
        old."""
        now = time.monotonic()
        held = self._held.get(workspace_id)
        if held is None or now - held[0] > _FRESH_SECONDS:
            async with self._db.reading(workspace_id) as tx:
                every = await store.every(tx, workspace_id)
            held = self._held[workspace_id] = (now, logic.deciding(every, self.environment))
            self._held.move_to_end(workspace_id)
            while len(self._held) > _MAX_WORKSPACES:
                self._held.popitem(last=False)
        return logic.document(held[1], principal_id) if held[1] else b""

    def forget(self, workspace_id: UUID) -> None:
        """After a change here."""
        self._held.pop(workspace_id, None)
