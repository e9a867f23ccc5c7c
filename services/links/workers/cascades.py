"""Delete, or bring back, what a link type's policy says must follow a deletion.

Each is a call to the plane that owns the node, as the principal who deleted first, under a key made
of the event and the target: a worker killed anywhere repeats the call and not the effect.
"""

import asyncio
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
from services.links.model import Cascade, CascadeState
from services.links.store import cascades, states

log = structlog.get_logger()

_BATCH = 64
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
            if done < _BATCH:
                await asyncio.sleep(_POLL_SECONDS)

    async def work_once(self) -> int:
        """Take what is due and do it; returns how many."""
        async with self._worker_db.across_workspaces() as tx:
            claimed = await cascades.claim(tx, self._lease_seconds, _BATCH)
        outcomes = await asyncio.gather(*map(self._do, claimed), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(claimed)

    async def _do(self, cascade: Cascade) -> None:
        async with self._gate:
            deadlines.set_remaining(None)
            parent = telemetry.remote(cascade.traceparent)
            with telemetry.span(f"cascade {cascade.action} {cascade.node.kind}", parent=parent):
                await self._try(cascade)

    async def _try(self, cascade: Cascade) -> None:
        try:
            if cascade.action == "undelete" and not await self._still_ours(cascade):
                await self._settle(cascade, CascadeState.DONE, "it has changed since")
                return
            version = await self._call(cascade)
        except NotFound:
            await self._settle(cascade, CascadeState.DONE, "it is gone already")
        except ServiceError as exc:
            if exc.code in _TRANSIENT and cascade.attempts < _MAX_ATTEMPTS:
                seconds = min(60.0, 0.5 * 2 ** min(cascade.attempts, 7))
                async with self._db.transaction(cascade.workspace_id) as tx:
                    await cascades.postpone(tx, cascade, seconds, f"{exc.code} / {exc.reason}")
                return
            await self._park(cascade, f"{exc.code} / {exc.reason}: {exc.message}"[:1000])
        else:
            crash.point("links.cascade_done")
            await self._settle(cascade, CascadeState.DONE, version=version)

    async def _still_ours(self, cascade: Cascade) -> bool:
        """Whether the node is still as our deletion left it: what came later is not undone."""
        async with self._db.transaction(cascade.workspace_id) as tx:
            state = await states.get(tx, cascade.workspace_id, cascade.node)
        return state is None or state.version <= (cascade.deleted_version or 0)

    async def _settle(
        self,
        cascade: Cascade,
        state: CascadeState,
        reason: str = "",
        version: int | None = None,
    ) -> None:
        async with self._db.transaction(cascade.workspace_id) as tx:
            stands = await cascades.settle(tx, cascade, state, reason, version)
            if stands is CascadeState.CANCELLED and version is not None:
                await cascades.reverse_cancelled(tx, cascade)

    async def _park(self, cascade: Cascade, reason: str) -> None:
        """Keep it, say why, and announce it: nothing is half done in silence."""
        log.error("cascade parked", cascade_id=str(cascade.id), reason=reason)
        async with self._db.transaction(cascade.workspace_id) as tx:
            if await cascades.settle(tx, cascade, CascadeState.PARKED, reason):
                letter = events.cascade_parked(cascade.operation_id, cascade.attempts, reason, 1)
                await outbox.add(tx, self._actor(cascade), letter)

    def _actor(self, cascade: Cascade) -> Caller:
        who = cascade.actor
        given = dict(cascade.cause)
        cause = Cause(**(given | {"chain": tuple(given.get("chain", ()))}))
        return Caller(cascade.workspace_id, who["id"], who["kind"], who["name"], cause=cause)

    async def _call(self, cascade: Cascade) -> int | None:
        """Delete or undelete; the version that it left, of a record."""
        actor = self._actor(cascade)
        own = credentials.Internal("links", str(cascade.workspace_id), actor.principal_id)
        headers = clients.metadata(
            credentials.issue(self._secret, own), cause=actor.cause, actor=actor
        )
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


def _key(cascade: Cascade) -> str:
    operation: UUID = cascade.operation_id
    return f"cascade/{operation}/{cascade.action}/{cascade.node.kind}/{cascade.node.id}"
