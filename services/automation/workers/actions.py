"""Carry out one action: a call to another plane as the owner of what runs, or a request outside."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import grpc
from armature.artifacts.v1 import artifact_pb2, note_service_pb2, todo_service_pb2
from armature.artifacts.v1.note_service_pb2_grpc import NoteServiceStub
from armature.artifacts.v1.todo_service_pb2_grpc import TodoServiceStub
from armature.common.v1 import node_pb2
from armature.links.v1 import link_service_pb2
from armature.links.v1.link_service_pb2_grpc import LinkServiceStub
from armature.records.v1 import record_pb2, record_service_pb2
from armature.records.v1.record_service_pb2_grpc import RecordServiceStub

from kit import clients, credentials, errors
from schema import jsonio
from services.automation import events
from services.automation.logic.retries import Failed, Failure
from services.automation.model import ActionType, Job
from services.automation.operations.performing import Done, Performing
from services.automation.workers.webhooks import Webhooks

Headers = list[tuple[str, str]]
Call = Callable[[dict[str, Any], str, Headers], Awaitable[dict[str, Any]]]


class Actions:
    """Does what steps say. Each call carries the step's idempotency key, so that a repeat of it
    answers what the first one did."""

    def __init__(
        self,
        records: grpc.aio.Channel,
        artifacts: grpc.aio.Channel,
        links: grpc.aio.Channel,
        webhooks: Webhooks,
        *,
        secret: str,
        timeout: float,
    ) -> None:
        self._records = RecordServiceStub(records)
        self._todos = TodoServiceStub(artifacts)
        self._notes = NoteServiceStub(artifacts)
        self._links = LinkServiceStub(links)
        self._webhooks = webhooks
        self._secret = secret
        self._timeout = timeout
        self._calls: dict[ActionType, Call] = {
            ActionType.CREATE_RECORD: self._create_record,
            ActionType.UPDATE_RECORD: self._update_record,
            ActionType.CREATE_TODO: self._create_todo,
            ActionType.CREATE_NOTE: self._create_note,
            ActionType.UPSERT_RECORD: self._upsert_record,
            ActionType.DELETE_RECORD: self._delete_record,
            ActionType.FIND_RECORDS: self._find_records,
            ActionType.LINK: self._link,
            ActionType.UNLINK: self._unlink,
        }

    async def perform(self, workspace_id: UUID, job: Job, performing: Performing) -> Done | Failed:
        """What came of it; nothing is raised for what the other side answers."""
        kind = performing.step.type
        try:
            if kind is ActionType.SEND_WEBHOOK:
                return await self._webhooks.send(workspace_id, job, performing)
            if kind is ActionType.HTTP_REQUEST:
                return await self._webhooks.request(workspace_id, job, performing)
        except errors.ServiceError as exc:
            return failure_of(exc)
        owner = credentials.Internal("automation", str(workspace_id), job.source.owner_id)
        actor = events.actor(workspace_id, job.run, job.occasion["event"])
        headers = clients.metadata(
            credentials.issue(self._secret, owner), cause=actor.cause, actor=actor
        )
        try:
            call = self._calls[kind]
            return Done(await call(performing.given, performing.request_id, headers))
        except errors.ServiceError as exc:
            return failure_of(exc)

    async def _create_record(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        answer = await clients.call(
            self._records.CreateRecord,
            record_service_pb2.CreateRecordRequest(
                object=given["object"],
                fields_json=jsonio.dumps(given["fields"]),
                request_id=request_id,
            ),
            headers,
            timeout=self._timeout,
        )
        return {"record": _record(answer.record), "outcome": "created"}

    async def _update_record(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        answer = await clients.call(
            self._records.UpdateRecord,
            record_service_pb2.UpdateRecordRequest(
                object=given["object"],
                id=given["id"],
                fields_json=jsonio.dumps(given["fields"]),
                request_id=request_id,
            ),
            headers,
            timeout=self._timeout,
        )
        outcome = record_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()
        return {"record": _record(answer.record), "outcome": outcome}

    async def _upsert_record(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        answer = await clients.call(
            self._records.UpsertRecord,
            record_service_pb2.UpsertRecordRequest(
                object=given["object"],
                match=given["match"],
                fields_json=jsonio.dumps(given["fields"]),
                request_id=request_id,
            ),
            headers,
            timeout=self._timeout,
        )
        outcome = record_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()
        return {"record": _record(answer.record), "outcome": outcome}

    async def _delete_record(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        answer = await clients.call(
            self._records.DeleteRecord,
            record_service_pb2.DeleteRecordRequest(
                object=given["object"], id=given["id"], request_id=request_id
            ),
            headers,
            timeout=self._timeout,
        )
        return {"record": _record(answer.record)}

    async def _find_records(
        self,
        given: dict[str, Any],
        request_id: str,  # noqa: ARG002 -- a read needs no key
        headers: Headers,
    ) -> dict[str, Any]:
        tree = given.get("filter")
        answer = await clients.call(
            self._records.QueryRecords,
            record_service_pb2.QueryRecordsRequest(
                object=given["object"],
                selection=record_service_pb2.Selection(filter_json=jsonio.dumps(tree))
                if tree
                else None,
                sort=given.get("sort", ""),
                fields=given.get("fields", ""),
                page_size=given.get("limit", 50),
            ),
            headers,
            timeout=self._timeout,
        )
        found = [_record(one) for one in answer.records]
        return {"records": found, "count": len(found), "first": found[0] if found else None}

    async def _link(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        attributes = given.get("attributes")
        answer = await clients.call(
            self._links.CreateLink,
            link_service_pb2.CreateLinkRequest(
                link=link_service_pb2.NewLink(
                    type=given["type"],
                    source=node_pb2.Node(**given["source"]),
                    target=node_pb2.Node(**given["target"]),
                    attributes_json=jsonio.dumps(attributes) if attributes else b"",
                ),
                request_id=request_id,
            ),
            headers,
            timeout=self._timeout,
        )
        return {"link": {"id": answer.link.id, "type": answer.link.type}}

    async def _unlink(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        """One link by its id, or those of a type between two nodes."""
        found = [given["id"]] if given.get("id") else await self._between(given, headers)
        for link_id in found:
            request = link_service_pb2.DeleteLinkRequest(
                id=link_id, request_id=f"{request_id}/{link_id}"
            )
            try:
                await clients.call(self._links.DeleteLink, request, headers, timeout=self._timeout)
            except errors.NotFound:
                if given.get("id"):
                    raise
        return {"removed": found}

    async def _between(self, given: dict[str, Any], headers: Headers) -> list[str]:
        if not (given.get("source") and given.get("target")):
            message = "unlink needs the link's id, or its source and target"
            raise errors.InvalidArgument("LINK_INVALID", message)
        target = given["target"]
        found: list[str] = []
        token = ""
        while True:
            answer = await clients.call(
                self._links.ListLinks,
                link_service_pb2.ListLinksRequest(
                    node=node_pb2.Node(**given["source"]),
                    type=given.get("type", ""),
                    page_size=1000,
                    page_token=token,
                ),
                headers,
                timeout=self._timeout,
            )
            found += [
                one.link.id
                for one in answer.links
                if (one.other.kind, one.other.id) == (target["kind"], target["id"])
            ]
            token = answer.next_page_token
            if not token:
                return found

    async def _create_todo(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        todo = artifact_pb2.Todo(
            title=given["title"],
            body=given.get("body", ""),
            due=given.get("due", ""),
            priority=given.get("priority", ""),
            assignees=given.get("assignees", ()),
            targets=_targets(given),
        )
        answer = await clients.call(
            self._todos.CreateTodo,
            todo_service_pb2.CreateTodoRequest(todo=todo, request_id=request_id),
            headers,
            timeout=self._timeout,
        )
        made = answer.todo
        return {
            "todo": {
                "id": made.id,
                "title": made.title,
                "status": made.status,
                "due": made.due,
                "priority": made.priority,
                "assignees": list(made.assignees),
                "targets": [{"kind": t.kind, "id": t.id} for t in made.targets],
            }
        }

    async def _create_note(
        self, given: dict[str, Any], request_id: str, headers: Headers
    ) -> dict[str, Any]:
        note = artifact_pb2.Note(title=given["title"], body=given["body"], targets=_targets(given))
        answer = await clients.call(
            self._notes.CreateNote,
            note_service_pb2.CreateNoteRequest(note=note, request_id=request_id),
            headers,
            timeout=self._timeout,
        )
        made = answer.note
        targets = [{"kind": t.kind, "id": t.id} for t in made.targets]
        return {"note": {"id": made.id, "title": made.title, "targets": targets}}


def _targets(given: dict[str, Any]) -> list[node_pb2.Node]:
    return [node_pb2.Node(kind=one["kind"], id=one["id"]) for one in given.get("targets", ())]


def _record(record: record_pb2.Record) -> dict[str, Any]:
    fields = jsonio.loads_stored(record.fields_json) if record.fields_json else {}
    return {
        "id": record.id,
        "object": record.object,
        "version": record.version,
        "fields": fields,
    }


def failure_of(error: errors.ServiceError) -> Failed:
    """What an error of another plane means for the step. What it refused had no effect."""
    reason = f"{error.code} / {error.reason}: {error.message}"[:2000]
    if details := "; ".join(f"{v.path}: {v.message}" for v in error.violations[:10]):
        reason = f"{reason} ({details})"[:2000]
    match error:
        case errors.Unavailable() | errors.DeadlineExceeded():
            return Failed(Failure.ABSENT, reason, definite=False)
        case errors.Aborted():
            return Failed(Failure.TRANSIENT, reason, definite=True)
        case errors.ResourceExhausted() if error.retry_after is not None:
            return Failed(Failure.TRANSIENT, reason, True, error.retry_after)
        case errors.Internal():
            return Failed(Failure.TRANSIENT, reason, definite=False)
    return Failed(Failure.PERMANENT, reason, definite=True)
