"""Delete, or bring back, what a link type's policy says must follow a deletion.

Records that one deletion takes go many in a call, and come back so; whatever has no call for many
goes alone: to the plane that owns the node, as the principal who began it, under a key made of the
event and the targets. A worker killed anywhere repeats the call and not the effect. Where one of
many can't be deleted or brought back, halves of them are tried, down to the one, which says why.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import grpc
import psycopg
import structlog
from armature.artifacts.v1 import file_service_pb2 as files_pb
from armature.artifacts.v1 import file_service_pb2_grpc as files_rpc
from armature.artifacts.v1 import note_service_pb2 as notes_pb
from armature.artifacts.v1 import note_service_pb2_grpc as notes_rpc
from armature.artifacts.v1 import todo_service_pb2 as todos_pb
from armature.artifacts.v1 import todo_service_pb2_grpc as todos_rpc
from armature.records.v1 import record_service_pb2 as records_pb
from armature.records.v1 import record_service_pb2_grpc as records_rpc

from kit import clients, crash, credentials, deadlines, outbox, telemetry
from kit.caller import Caller, Cause
from kit.db import Database
from kit.errors import NotFound, ServiceError
from planes.nodes import Node
from services.links import events
from services.links.model import Cascade, CascadeState, Outcome
from services.links.store import cascades, states

log = structlog.get_logger()

_SIZE = 500  # records of one call
_BATCHES = 64  # that are taken at once
_TAKEN = 2000  # cascades that are taken at once
_CALL_SECONDS = 25.0  # for a call of many; less than the lease
_POLL_SECONDS = 0.25
_MAX_ATTEMPTS = 20
_TRANSIENT = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED"}


class CascadeWorker:
    """Runs until cancelled. Several may run; each piece of work has one holder at a time."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        records: grpc.aio.Channel,
        artifacts: grpc.aio.Channel,
        secret: str,
        *,
        concurrency: int = 16,
        lease_seconds: int = 30,
    ) -> None:
        self._db = db
        self._worker_db = worker_db
        self._records = records_rpc.RecordServiceStub(records)
        self._notes = notes_rpc.NoteServiceStub(artifacts)
        self._todos = todos_rpc.TodoServiceStub(artifacts)
        self._files = files_rpc.FileServiceStub(artifacts)
        self._secret = secret
        self._gate = asyncio.Semaphore(concurrency)
        self._lease_seconds = lease_seconds

    async def run(self) -> None:
        """Work for ever; a failure of Postgres is waited out."""
        while True:
            try:
                done = await self.work_once()
            except (ServiceError, psycopg.Error) as exc:
                log.warning("cascades wait", error=str(exc))
                done = 0
            if not done:
                await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> int:
        """Take what is due and do it; returns how many batches."""
        async with self._worker_db.across_workspaces() as tx:
            claimed = await cascades.claim(
                tx, self._lease_seconds, size=_SIZE, batches=_BATCHES, limit=_TAKEN
            )
        alone: dict[UUID, list[Cascade]] = defaultdict(list)
        for batch in claimed:
            if len(batch) == 1:
                alone[batch[0].workspace_id].append(batch[0])
        together = [self._do_all(batch) for batch in claimed if len(batch) > 1]
        _raise(
            await asyncio.gather(
                *together, *map(self._do_each, alone.values()), return_exceptions=True
            )
        )
        return len(claimed)

    @asynccontextmanager
    async def _calling(self, cascade: Cascade, count: int = 1) -> AsyncIterator[None]:
        async with self._gate:
            deadlines.set_remaining(None)
            parent = telemetry.remote(cascade.traceparent)
            name = f"cascade {cascade.action} {cascade.node.kind}"
            with telemetry.span(name, parent=parent, armature__cascades=count):
                yield

    async def _do_all(self, batch: Sequence[Cascade]) -> None:
        async with self._calling(batch[0], len(batch)):
            await self._try_all(batch)

    async def _do_each(self, some: Sequence[Cascade]) -> None:
        """Those of one workspace that go alone; what has become of them is kept together."""
        changed = await self._changed(some)
        found = await asyncio.gather(
            *(self._try(one, changed) for one in some), return_exceptions=True
        )
        done = [one for one in found if isinstance(one, Outcome)]
        if done:
            await self._settle(done)
        _raise(found)

    async def _try_all(self, batch: Sequence[Cascade]) -> None:
        """All of them, or none: then halves are tried."""
        if changed := await self._changed(batch, repeated=batch[0].attempts > 1):
            await self._set_apart(batch, changed)
            return
        try:
            versions = await self._call_all(batch)
        except ServiceError as exc:
            if _may_pass(exc, batch[0]):
                await self._postpone(batch, exc)
                return
            half = len(batch) // 2
            async with self._db.transaction(batch[0].workspace_id) as tx:
                halves = [batch[:half], batch[half:]]
                await cascades.split(tx, halves, f"{exc.code} / {exc.reason}")
            return
        crash.point("links.cascade_done")
        await self._settle(
            [
                Outcome(one, CascadeState.DONE, version=version)
                for one, version in zip(batch, versions, strict=True)
            ]
        )

    async def _set_apart(self, batch: Sequence[Cascade], changed: set[UUID]) -> None:
        """Settle those that have changed. The others are a batch of their own from now on, as their
        call is another."""
        rest = [one for one in batch if one.id not in changed]
        async with self._db.transaction(batch[0].workspace_id) as tx:
            await cascades.settle(tx, [_left(one) for one in batch if one.id in changed])
            if rest:
                await cascades.split(tx, [rest], "")

    async def _try(self, cascade: Cascade, changed: set[UUID]) -> Outcome | None:
        """What has become of it; None where it is tried again."""
        if cascade.id in changed:
            return _left(cascade)
        async with self._calling(cascade):
            try:
                version = await self._call(cascade)
            except NotFound:
                return Outcome(cascade, CascadeState.DONE, "it is gone already")
            except ServiceError as exc:
                if _may_pass(exc, cascade):
                    await self._postpone([cascade], exc)
                    return None
                reason = f"{exc.code} / {exc.reason}: {exc.message}"[:1000]
                log.error("cascade parked", cascade_id=str(cascade.id), reason=reason)  # noqa: TRY400
                return Outcome(cascade, CascadeState.PARKED, reason)
            crash.point("links.cascade_done")
            return Outcome(cascade, CascadeState.DONE, version=version)

    async def _postpone(self, batch: Sequence[Cascade], exc: ServiceError) -> None:
        first = batch[0]
        seconds = min(60.0, 0.5 * 2 ** min(first.attempts, 7))
        async with self._db.transaction(first.workspace_id) as tx:
            await cascades.postpone(tx, batch, seconds, f"{exc.code} / {exc.reason}")

    async def _changed(self, some: Sequence[Cascade], *, repeated: bool = False) -> set[UUID]:
        """Those that would bring back what is not as our deletion left it any more. Of a call that
        is repeated, what is live may be so by the first: only what was deleted again counts."""
        back = [one for one in some if one.action == "undelete"]
        if not back:
            return set()
        workspace_id = back[0].workspace_id
        async with self._db.transaction(workspace_id) as tx:
            known = await states.known(tx, workspace_id, [one.node for one in back])
        return {
            one.id
            for one in back
            if (state := known.get(one.node)) and state.version > (one.deleted_version or 0)
            if state.deleted or not repeated
        }

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what has become of them. What can't be done is kept with its reason and announced:
        nothing is half done in silence."""
        async with self._db.transaction(outcomes[0].cascade.workspace_id) as tx:
            stand = set(await cascades.settle(tx, outcomes))
            for one in outcomes:
                if one.state is CascadeState.PARKED and one.cascade.id in stand:
                    own = one.cascade
                    letter = events.cascade_parked(own.operation_id, own.attempts, one.reason, 1)
                    await outbox.add(tx, self._actor(own), letter)

    def _actor(self, cascade: Cascade) -> Caller:
        who = cascade.actor
        given = dict(cascade.cause)
        cause = Cause(**(given | {"chain": tuple(given.get("chain", ()))}))
        return Caller(cascade.workspace_id, who["id"], who["kind"], who["name"], cause=cause)

    def _headers(self, cascade: Cascade) -> list[tuple[str, str]]:
        actor = self._actor(cascade)
        own = credentials.Internal("links", str(cascade.workspace_id), actor.principal_id)
        credential = credentials.issue(self._secret, own)
        return clients.metadata(credential, cause=actor.cause, actor=actor)

    async def _call_all(self, batch: Sequence[Cascade]) -> list[int]:
        """Delete records of one object in one transaction, or bring them back; the versions that
        are left."""
        first = batch[0]
        kind, ids = first.node.kind, [str(one.node.id) for one in batch]
        key = f"cascade/{first.operation_id}/{first.action}/{kind}/{first.id}+{len(batch)}"
        headers = self._headers(first)
        if first.action == "undelete":
            back = records_pb.BatchUndeleteRecordsRequest(object=kind, ids=ids, request_id=key)
            undelete = self._records.BatchUndeleteRecords
            restored = await clients.call(undelete, back, headers, timeout=_CALL_SECONDS)
            return [one.record.version for one in restored.results]
        gone = records_pb.BatchDeleteRecordsRequest(object=kind, ids=ids, request_id=key)
        delete = self._records.BatchDeleteRecords
        deleted = await clients.call(delete, gone, headers, timeout=_CALL_SECONDS)
        return [one.record.version for one in deleted.results]

    async def _call(self, cascade: Cascade) -> int | None:
        """Delete or undelete; the version that it left, of a record."""
        headers = self._headers(cascade)
        node, key = cascade.node, _key(cascade)
        if cascade.action == "undelete":
            if not node.is_artifact:
                await clients.call(
                    self._records.UndeleteRecord,
                    records_pb.UndeleteRecordRequest(
                        object=node.kind, id=str(node.id), request_id=key
                    ),
                    headers,
                )
            return cascade.deleted_version
        if node.is_artifact:
            await self._delete_artifact(node, key, headers)
            return None
        answer = await clients.call(
            self._records.DeleteRecord,
            records_pb.DeleteRecordRequest(object=node.kind, id=str(node.id), request_id=key),
            headers,
        )
        return answer.record.version

    async def _delete_artifact(self, node: Node, key: str, headers: list[tuple[str, str]]) -> None:
        match node.kind:
            case "note":
                note = notes_pb.DeleteNoteRequest(id=str(node.id), request_id=key)
                await clients.call(self._notes.DeleteNote, note, headers)
            case "todo":
                todo = todos_pb.DeleteTodoRequest(id=str(node.id), request_id=key)
                await clients.call(self._todos.DeleteTodo, todo, headers)
            case _:
                file = files_pb.DeleteFileRequest(id=str(node.id), request_id=key)
                await clients.call(self._files.DeleteFile, file, headers)


def _left(cascade: Cascade) -> Outcome:
    return Outcome(cascade, CascadeState.DONE, "it has changed since")


def _may_pass(exc: ServiceError, cascade: Cascade) -> bool:
    if exc.reason == "BATCH_TOO_LARGE":
        return False
    return exc.code in _TRANSIENT and cascade.attempts < _MAX_ATTEMPTS


def _raise(found: Sequence[object]) -> None:
    """What went wrong that nobody expected."""
    for one in found:
        if isinstance(one, BaseException):
            raise one


def _key(cascade: Cascade) -> str:
    operation: UUID = cascade.operation_id
    return f"cascade/{operation}/{cascade.action}/{cascade.node.kind}/{cascade.node.id}"
