"""Ask other planes, with the caller's own rights, for what a run is to be about; and with those of
what is run, for what its condition goes by."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import grpc
from armature.events.v1 import event_pb2, event_service_pb2
from armature.events.v1.event_service_pb2_grpc import EventServiceStub
from armature.records.v1 import record_service_pb2
from armature.records.v1.record_service_pb2_grpc import RecordServiceStub

from kit import clients
from kit.caller import Caller
from kit.errors import NotFound
from planes.relatives import Relatives
from schema import jsonio
from schema.compiled import Workspace
from services.automation.model import Starter
from services.automation.operations import history, triggers


class Neighbours:
    def __init__(
        self, records: grpc.aio.Channel, events: grpc.aio.Channel, relatives: Relatives
    ) -> None:
        self._relatives = relatives
        self._records = RecordServiceStub(records)
        self._events = EventServiceStub(events)

    async def records(
        self, caller: Caller, obj: str, record_ids: list[str]
    ) -> list[dict[str, Any] | None]:
        """Each as templates see it, in the order asked; RECORD_NOT_FOUND for what is missing."""
        answer = await clients.call(
            self._records.BatchGetRecords,
            record_service_pb2.BatchGetRecordsRequest(object=obj, ids=record_ids),
            clients.metadata(caller.credential),
        )
        found: list[dict[str, Any] | None] = []
        for asked, result in zip(record_ids, answer.results, strict=True):
            if not result.HasField("record"):
                message = f"there is no {obj} {asked}"
                raise NotFound("RECORD_NOT_FOUND", message, record=asked)
            record = result.record
            found.append(
                {
                    "id": record.id,
                    "object": record.object,
                    "version": record.version,
                    "fields": jsonio.loads_stored(record.fields_json),
                }
            )
        return found

    async def event(self, caller: Caller, event_id: str) -> event_pb2.Event:
        """EVENT_NOT_FOUND for what the log does not have."""
        answer = await clients.call(
            self._events.GetEvent,
            event_service_pb2.GetEventRequest(id=event_id),
            clients.metadata(caller.credential),
        )
        return answer.event

    async def with_relatives(
        self, workspace: Workspace, starter: Starter, past: Sequence[triggers.Past]
    ) -> list[triggers.Past]:
        """The same, with the related records that the starter's condition goes to, as they are
        now."""
        questions = history.needs(workspace, starter, past)
        if not questions:
            return list(past)
        reached = await self._relatives.reach(workspace, questions)
        return [replace(one, happening=replace(one.happening, relatives=reached)) for one in past]
