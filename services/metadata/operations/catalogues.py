"""Read a workspace's definitions, and change them: lock, draft, decide, write what differs.

Definitions are cached by version, so that a read costs one indexed row and a write loads nothing
it has not changed. Another process's change shows by the version, which is always read.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from kit import crash
from kit.bounded import Bounded
from kit.caller import Caller
from kit.db import Database, Tx
from kit.errors import NotFound
from schema.access import Restrictions
from services.metadata import events
from services.metadata.logic.catalog import Definitions, Draft
from services.metadata.logic.shown import shown
from services.metadata.model import Difference, Limits, Noun, Stored
from services.metadata.operations import role_rules, rollup_uses
from services.metadata.operations.announcing import announce
from services.metadata.operations.versions import Versions
from services.metadata.store import changes as change_store
from services.metadata.store import definitions as store

_MAX_BYTES = 256 * 1024 * 1024  # of definitions that are held
_MAX_SHOWN_BYTES = 128 * 1024 * 1024  # and of those as custom roles show them


class Change:
    """A draft under the workspace's lock, and the moment it was begun."""

    def __init__(self, draft: Draft, at: datetime) -> None:
        self.draft = draft
        self.at = at


class Catalogues:
    """The definitions of all workspaces, as this process knows them."""

    def __init__(self, versions: Versions, limits: Limits) -> None:
        self._versions = versions
        self._limits = limits
        self._held: Bounded[UUID, Definitions] = Bounded(_MAX_BYTES)
        self._restrictions = Restrictions()
        self._shown: Bounded[tuple[UUID, int, bytes, str], Definitions] = Bounded(_MAX_SHOWN_BYTES)

    async def version(self, tx: Tx, workspace_id: UUID) -> int:
        """The present version, from one indexed row."""
        found = await store.version_of(tx, workspace_id)
        if found is None:
            raise NotFound("WORKSPACE_NOT_FOUND", "there is no such workspace")
        return found

    async def holds(self, db: Database, workspace_id: UUID, version: int) -> bool:
        """Whether that is the present version still: the question that planes ask all day."""
        return bool(version and await db.lone(workspace_id, store.VERSION_OF) == version)

    async def read(self, tx: Tx, workspace_id: UUID) -> Definitions:
        """The definitions as of now."""
        return await self._at(tx, workspace_id, await self.version(tx, workspace_id))

    async def seen(self, tx: Tx, caller: Caller) -> Definitions:
        """The definitions as of now that the caller may see: all, or those that its custom role
        shows. Whoever keeps definitions sees them all."""
        found = await self.read(tx, caller.workspace_id)
        if caller.access is None or "schema" in caller.permissions:
            return found
        key = (caller.workspace_id, found.version, caller.access, caller.principal_id)
        held = self._shown.get(key)
        if held is None:
            compiled = found.draft.compiled()
            seen = self._restrictions.of(compiled, caller.access, caller.principal_id)
            held = shown(found, seen)
            self._shown.put(key, held, held.size)
        return held

    async def begin(self, tx: Tx, workspace_id: UUID) -> Change:
        """Wait for other writers of this workspace, then draft on what they left."""
        locked = await store.lock(tx, workspace_id)
        if locked is None:
            raise NotFound("WORKSPACE_NOT_FOUND", "there is no such workspace")
        version, at = locked
        return Change(Draft(await self._at(tx, workspace_id, version), self._limits), at)

    async def finish(
        self,
        tx: Tx,
        caller: Caller,
        change: Change,
        *,
        checked: bool = True,
        job_id: UUID | None = None,
    ) -> tuple[Definitions, list[Difference]]:
        """Write what differs as one new version, with its history and its events.

        Where nothing differs nothing is written and the version stays.
        """
        base = change.draft.base
        differences = change.draft.differences()
        if not differences:
            return base, []
        if checked:
            await role_rules.check(tx, caller.workspace_id, change.draft, differences)
            rollup_uses.check(change.draft)
        version = base.version + 1
        held: dict[Noun, dict[str, Stored[Any]]] = {
            Noun.OBJECT: dict(base.objects),
            Noun.FIELD: dict(base.fields),
            Noun.LINK_TYPE: dict(base.link_types),
            Noun.VIEW: dict(base.views),
        }
        announced = []
        async with tx.pipeline():
            await store.bump(tx, caller.workspace_id, version)
            for ordinal, difference in enumerate(differences, start=1):
                own = await _write(tx, caller, held[difference.noun], difference, change.at)
                before, after = store.document(difference.before), store.document(difference.after)
                kind = f"{difference.noun}.{difference.verb}"
                await change_store.add(
                    tx,
                    caller.workspace_id,
                    (version, ordinal),
                    kind,
                    difference.entity_id,
                    before=before,
                    after=after,
                    actor=caller.actor(),
                    at=change.at,
                    job_id=job_id,
                )
                announced.append(
                    events.definition(
                        difference, own, version, before, after, _object_name(change, difference)
                    )
                )
            await announce(tx, caller, *announced)
        crash.point("metadata.before_commit")
        new = Definitions(
            workspace_id=base.workspace_id,
            version=version,
            time_zone=base.time_zone,
            week_start=base.week_start,
            objects=held[Noun.OBJECT],
            fields=held[Noun.FIELD],
            link_types=held[Noun.LINK_TYPE],
            views=held[Noun.VIEW],
        )
        tx.after_commit(lambda: self._committed(caller.workspace_id, new))
        return new, differences

    def bumped(self, tx: Tx, workspace_id: UUID, version: int) -> None:
        """Say, after the commit, that something else than a definition made a new version."""
        tx.after_commit(lambda: self._versions.announce(workspace_id, version))

    def _committed(self, workspace_id: UUID, new: Definitions) -> None:
        self._keep(workspace_id, new)
        self._versions.announce(workspace_id, new.version)

    async def _at(self, tx: Tx, workspace_id: UUID, version: int) -> Definitions:
        held = self._held.get(workspace_id)
        if held is not None and held.version == version:
            return held
        found = await store.load(tx, workspace_id)
        self._keep(workspace_id, found)
        return found

    def _keep(self, workspace_id: UUID, found: Definitions) -> None:
        held = self._held.get(workspace_id)
        if held is None or held.version < found.version:
            self._held.put(workspace_id, found, found.size)


async def _write(
    tx: Tx, caller: Caller, held: dict[str, Stored[Any]], difference: Difference, at: datetime
) -> int:
    """The noun's own version after the change."""
    old = held.get(difference.entity_id)
    own = old.version + 1 if old else 1
    if difference.after is None:
        await store.delete(tx, caller.workspace_id, difference.noun, difference.entity_id)
        held.pop(difference.entity_id, None)
        return own
    stored = Stored(difference.after, own, old.create_time if old else at, at)
    await store.write(tx, caller.workspace_id, difference.noun, stored)
    held[difference.entity_id] = stored
    return own


def _object_name(change: Change, difference: Difference) -> str:
    """The API name of the object that a definition belongs to; empty for link types."""
    object_id = getattr(difference.entity, "object_id", "")
    if difference.noun is Noun.OBJECT:
        object_id = difference.entity_id
    found = change.draft.objects.get(object_id)
    return found.name if found else ""
