"""Have the automation plane take, or let go, the rules and workflows of a blueprint.

Each is made under an id that was written down before, and every call carries a request id made of
it, and the version that it is based on: so a process that dies between two calls, or between a call
and its note, leaves something that the next one goes on with. Nothing is made twice, and what
somebody else has done meanwhile is never written over.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from kit import clients, crash
from kit.caller import Caller
from kit.db import Database
from kit.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    InvalidArgument,
    ServiceError,
    Unavailable,
)
from services.metadata.logic.consequences import Consequence
from services.metadata.model import Installed, Part, Task
from services.metadata.operations import blueprints
from services.metadata.operations.blueprint_roles import (
    CHANGED,
    DELETED,
    TAKEN,
    form_of,
    lacking,
)
from services.metadata.servicers.blueprint_calls import BlueprintCalls, Headers
from services.metadata.store import blueprints as store

SILENT = "the automation plane did not answer"
ANSWER_SECONDS = 2.0  # for the first answer; what answers may take its time
_REUSED = "REQUEST_ID_REUSED"
_FIRST = 1  # the version of what was just made


@dataclass(frozen=True, slots=True)
class Worked:
    """What was done, and what is left: `rule <name>: <reason>`."""

    found: list[Consequence]
    pending: list[str]


class BlueprintParts:
    """Rules and workflows of blueprints, as the caller."""

    def __init__(self, db: Database, channel: grpc.aio.Channel) -> None:
        self._db = db
        self._calls = BlueprintCalls(channel)

    async def work_off(self, caller: Caller, name: str) -> Worked:
        """Do what is pending for a blueprint, as far as it goes."""
        async with self._db.transaction(caller.workspace_id) as tx:
            installed = (await store.installed(tx, caller.workspace_id)).get(name)
        worked = Worked([], [])
        for n, task in enumerate(installed.pending if installed else ()):
            assert installed is not None
            try:
                part, said = await self._do(caller, name, task, _part(installed, task), act=True)
            except (Unavailable, DeadlineExceeded, TimeoutError):
                left = installed.pending[n:]
                worked.pending.extend(f"{one.kind} {one.name}: {SILENT}" for one in left)
                break
            except ServiceError as exc:
                worked.pending.append(f"{task.kind} {task.name}: {exc.message}")
                continue
            crash.point("metadata.blueprint_part")
            async with self._db.transaction(caller.workspace_id) as tx:
                await blueprints.finished(tx, caller, name, task, part)
            worked.found.extend(said)
        return worked

    async def plan(self, caller: Caller, after: Installed) -> list[Consequence]:
        """What working off would do, with nothing done."""
        found: list[Consequence] = []
        for task in after.pending:
            try:
                _, said = await self._do(caller, after.name, task, _part(after, task), act=False)
                found += said
            except (Unavailable, DeadlineExceeded, TimeoutError):
                action = "delete" if task.action == "remove" else "create"
                found.append(Consequence(action, task.kind, task.name, affects=(SILENT,)))
        return found

    async def _do(
        self, caller: Caller, name: str, task: Task, part: Part | None, *, act: bool
    ) -> tuple[Part | None, list[Consequence]]:
        if not act and "rules" not in caller.permissions:
            action = "delete" if task.action == "remove" else "create" if part is None else "update"
            return part, [_said(action, task, lacking("rules"))]
        headers = clients.metadata(caller.credential)
        raw = blueprints.described(name, task)
        if task.action == "remove":
            return None, await self._let_go(task, part, raw, headers, act=act)
        here = part
        async with asyncio.timeout(ANSWER_SECONDS):
            if here is not None and await self._calls.present(task.kind, here.id, headers) is None:
                if task.action != "restore":
                    return part, [_said("keep", task, DELETED)]
                here = None
            present = await self._calls.present(task.kind, here.id if here else task.id, headers)
        if here is not None and here.form == form_of(raw):
            return part, []
        if not act:
            if here is not None and present is not None and present.version != here.version:
                return part, [_said("keep", task, CHANGED)]
            return part, [_said("create" if here is None else "update", task)]
        if here is None:
            return await self._make(task, raw, present, headers)
        try:
            version = await self._calls.change(here, task.kind, raw, headers)
        except (Aborted, InvalidArgument) as exc:
            return part, [_said("keep", task, _overtaken(exc))]
        return Part(here.id, version, form_of(raw)), [_said("update", task)]

    async def _let_go(
        self,
        task: Task,
        part: Part | None,
        raw: Mapping[str, Any],
        headers: Headers,
        *,
        act: bool,
    ) -> list[Consequence]:
        async with asyncio.timeout(ANSWER_SECONDS):
            present = await self._calls.present(task.kind, task.id, headers)
        if present is None:
            return []
        known = part is not None and part.id == task.id
        # Of what nobody noted this is what making it leaves.
        left = part.version if part is not None and known else _FIRST + bool(raw.get("published"))
        if present.version != left:
            return [_said("keep", task, CHANGED)]
        if act:
            try:
                await self._calls.remove(task, left, headers)
            except (Aborted, InvalidArgument) as exc:
                return [_said("keep", task, _overtaken(exc))]
        return [_said("delete", task)]

    async def _make(
        self, task: Task, raw: Mapping[str, Any], present: Any, headers: Headers
    ) -> tuple[Part | None, list[Consequence]]:
        """Make it, or go on with what a process has made that died before it noted so."""
        made = Part(task.id, _FIRST, form_of(raw))
        same = True
        try:  # where something stands there, this repeats the call that has made it
            await self._calls.create(task, raw, headers)
        except (AlreadyExists, InvalidArgument) as exc:
            if isinstance(exc, InvalidArgument) and exc.reason != _REUSED:
                raise
            if present is None and exc.reason.endswith("_NAME_TAKEN"):
                return None, [_said("keep", task, TAKEN)]
            same = False  # made by what an older release says, by somebody else, or long ago
        if present is None and await self._calls.present(task.kind, task.id, headers) is None:
            return made, [_said("keep", task, DELETED)]
        published = bool(raw.get("published"))
        if present is not None and present.version != _FIRST and not published:
            return made, [_said("keep", task, CHANGED)]
        version = _FIRST
        try:
            if not same:
                version = await self._calls.change(made, task.kind, raw, headers)
            elif published:
                version = await self._calls.publish(made, raw, headers)
        except (Aborted, InvalidArgument) as exc:
            return made, [_said("keep", task, _overtaken(exc))]
        return Part(task.id, version, made.form), [_said("create", task)]


def _overtaken(error: Aborted | InvalidArgument) -> str:
    """Why a change was refused that is not of the version that was left; any other error again."""
    if error.reason in {"ETAG_MISMATCH", _REUSED}:
        return CHANGED
    raise error


def _part(installed: Installed, task: Task) -> Part | None:
    return installed.parts.get(task.kind, {}).get(task.name)


def _said(action: str, task: Task, *why: str) -> Consequence:
    return Consequence(action, task.kind, task.name, affects=why)
