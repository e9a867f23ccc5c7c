"""Ask the records plane how many records a change of definitions would touch."""

import asyncio
from collections.abc import Mapping, Sequence

import grpc
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1 import record_service_pb2_grpc as rpc

from kit import clients
from kit.caller import Caller
from kit.errors import ServiceError
from schema.jsonio import dumps
from services.metadata.logic.consequences import Consequence

UNKNOWN = -1
_MOST = 50  # of a plan; beyond, nobody reads the figures
_SECONDS = 3.0


class RecordCounts:
    """Counts as the caller may see them; a plan is answered without them, if need be."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.RecordServiceStub(channel)

    async def of(self, caller: Caller, found: Sequence[Consequence]) -> Mapping[str, int]:
        """Records by path, of what is destructive."""
        asked = [one for one in found if one.destructive and one.object_id][:_MOST]
        counts = await asyncio.gather(*(self._count(caller, one) for one in asked))
        return dict(zip((one.path for one in asked), counts, strict=True))

    async def _count(self, caller: Caller, one: Consequence) -> int:
        filter_json = dumps({one.field_name: {"is_empty": False}}) if one.field_name else b""
        request = pb.QueryRecordsRequest(
            object=one.object_id,
            selection=pb.Selection(filter_json=filter_json),
            page_size=1,
            count="exact",
        )
        try:
            answer = await clients.call(
                self._stub.QueryRecords,
                request,
                clients.metadata(caller.credential),
                timeout=_SECONDS,
            )
        except ServiceError:
            return UNKNOWN
        return int(answer.count)
