"""Answer HistoryService, and reads of a moment past: the present, rolled back by the log's events.

The log of the events plane is what a record's history is; nothing of it is kept here. Who may see
the record now may see what it was, of the fields that they may see now.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import grpc
from armature.events.v1 import event_pb2
from armature.events.v1 import event_service_pb2 as events_pb
from armature.events.v1 import event_service_pb2_grpc as events_rpc
from armature.records.v1 import history_service_pb2 as pb
from armature.records.v1 import history_service_pb2_grpc as rpc
from armature.records.v1 import record_service_pb2 as records_pb

from kit import clients, clock, credentials
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.db import Database
from kit.errors import FailedPrecondition, InvalidArgument, Unavailable
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import CompiledObject
from schema.past import fields_at
from services.records import convert
from services.records.logic.past import Change, Past, TooFar, TooSoon
from services.records.model import Read
from services.records.operations import refusals
from services.records.operations.restoring import Taken
from services.records.servicers import scope
from services.records.store import queries

_PAGE = 200
_OF_JOB = 500
_TYPES = ("record.*",)


class History:
    """Asks the log for the changes of one record, as this plane: access was judged before."""

    def __init__(self, channel: grpc.aio.Channel, secret: str) -> None:
        self._stub = events_rpc.EventServiceStub(channel)
        self._secret = secret

    async def page(
        self, caller: Caller, record_id: UUID, size: int, token: str
    ) -> events_pb.ListEventsResponse:
        """The record's events, newest first."""
        own = credentials.Internal("records", str(caller.workspace_id))
        return await clients.call(
            self._stub.ListEvents,
            events_pb.ListEventsRequest(
                filter=events_pb.EventFilter(types=_TYPES, aggregate_id=str(record_id)),
                newest_first=True,
                page_size=size,
                page_token=token,
            ),
            clients.metadata(credentials.issue(self._secret, own)),
        )

    async def of_job(self, workspace_id: UUID, job_id: UUID, token: str) -> tuple[list[Taken], str]:
        """What a field job changed of records itself, newest first, and where that goes on. What
        came of its changes, of rollups say, has its root and its actor, but another cause."""
        own = credentials.Internal("records", str(workspace_id))
        request = events_pb.ListEventsRequest(
            filter=events_pb.EventFilter(types=("record.updated",), root_id=str(job_id)),
            newest_first=True,
            page_size=_OF_JOB,
            page_token=token,
        )
        headers = clients.metadata(credentials.issue(self._secret, own))
        page = await clients.call(self._stub.ListEvents, request, headers)
        found = []
        for event in page.events:
            if event.actor.kind == "field_job" and event.causation_id == str(job_id):
                change, at = _change(event), clock.from_timestamp(event.occur_time)
                found.append(Taken(UUID(event.aggregate_id), at, change.before, change.after))
        return found, page.next_page_token

    async def at(self, caller: Caller, obj: CompiledObject, record: Read, moment: datetime) -> Past:
        """The record as it was; FAILED_PRECONDITION / HISTORY_EXPIRED, UNAVAILABLE /
        HISTORY_BEHIND where the log can't tell."""
        fields = jsonio.loads_stored(record.fields_json)
        known_at = partial(fields_at, obj)
        past = Past(fields, record.version, moment, record.delete_time, known_at)
        token = ""
        try:
            while not past.done:
                page = await self.page(caller, record.id, _PAGE, token)
                for event in page.events:
                    past.undo(_change(event))
                token = page.next_page_token
                if not token:
                    past.end()
        except TooSoon as exc:
            message = "the log does not have the newest changes of the record yet; try again"
            raise Unavailable("HISTORY_BEHIND", message) from exc
        except TooFar as exc:
            message = f"the log knows the record from {exc.since.isoformat()} on"
            raise FailedPrecondition(
                "HISTORY_EXPIRED", message, since=exc.since.isoformat()
            ) from None
        return past

    async def read(
        self,
        db: Database,
        obj: CompiledObject,
        request: records_pb.GetRecordRequest,
        names: tuple[str, ...],
    ) -> Read:
        """The record of a request with `as_of`."""
        caller = current_caller()
        moment = clock.from_timestamp(request.as_of)
        present = await present_of(db, caller, obj, request.id)
        if moment > clock.now():
            message = "as_of is a moment that has passed"
            raise InvalidArgument.at("AS_OF_INVALID", "as_of", "OUT_OF_RANGE", message)
        past = await self.at(caller, obj, present, moment)
        if not past.exists or (past.delete_time is not None and not request.show_deleted):
            raise refusals.not_found(request.id)
        shown = {name: past.fields.get(name) for name in names or tuple(obj.fields)}
        return replace(
            present,
            fields_json=jsonio.dumps(shown),
            version=past.version,
            update_time=past.update_time or present.update_time,
            delete_time=past.delete_time,
            updated_by=past.actor or present.updated_by,
        )


async def present_of(db: Database, caller: Caller, obj: CompiledObject, record_id: str) -> Read:
    """The record as it is, deleted or not; NOT_FOUND / RECORD_NOT_FOUND."""
    try:
        wanted = UUID(record_id)
    except ValueError:
        raise refusals.not_found(record_id) from None
    async with db.reading(caller.workspace_id) as tx:
        found = await queries.by_ids(
            tx, caller.workspace_id, obj, [wanted], None, show_deleted=True
        )
    if wanted not in found:
        raise refusals.not_found(record_id)
    return found[wanted]


def _change(event: event_pb2.Event) -> Change:
    data: dict[str, Any] = jsonio.loads_stored(event.data_json)
    actor = {"kind": event.actor.kind, "id": event.actor.id, "name": event.actor.name}
    return Change(
        kind=event.type.partition(".")[2],
        version=event.aggregate_version,
        time=_time_of(event, data),
        changed=tuple(data.get("changed_fields") or ()),
        before=data.get("before") or {},
        after=data.get("after") or {},
        actor=jsonio.dumps(actor).decode(),
    )


def _time_of(event: event_pb2.Event, data: dict[str, Any]) -> datetime:
    """The record's own time of the change; the event's, which is a little later, for old events."""
    if update_time := data.get("update_time"):
        return datetime.fromisoformat(update_time)
    return clock.from_timestamp(event.occur_time)


class HistoryServicer(rpc.HistoryServiceServicer):
    def __init__(self, db: Database, definitions: Definitions, history: History) -> None:
        self._db = db
        self._definitions = definitions
        self._history = history

    async def ListRecordHistory(
        self, request: pb.ListRecordHistoryRequest, context: Context
    ) -> pb.ListRecordHistoryResponse:
        target = await scope.reading(self._definitions, request.object, request.at_version)
        present = await present_of(self._db, target.caller, target.object, request.id)
        page = await self._history.page(
            target.caller, present.id, request.page_size, request.page_token
        )
        return pb.ListRecordHistoryResponse(
            versions=[_version(target.object, event) for event in page.events],
            next_page_token=page.next_page_token,
            complete=bool(page.events) and page.events[-1].type == "record.created",
            metadata_version=target.workspace.version,
        )


def _version(obj: CompiledObject, event: event_pb2.Event) -> pb.RecordVersion:
    change = _change(event)
    known = fields_at(obj, change.time)
    names = [name for name in change.changed if name in known]
    return pb.RecordVersion(
        version=change.version,
        change=change.kind,
        changed_fields=names,
        before_json=jsonio.dumps({n: change.before.get(n) for n in names}),
        after_json=jsonio.dumps({n: change.after.get(n) for n in names}),
        actor=convert.actor(change.actor),
        time=clock.to_timestamp(change.time),
        event_id=event.id,
    )
