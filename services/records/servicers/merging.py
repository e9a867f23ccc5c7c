"""Answer DuplicateService."""

from collections.abc import Awaitable, Callable

from armature.records.v1 import duplicate_service_pb2 as pb
from armature.records.v1 import duplicate_service_pb2_grpc as rpc

from kit import idempotency
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import InvalidArgument
from planes.definitions import Definitions
from schema.problems import Invalid
from services.records import convert
from services.records.operations import merging
from services.records.operations.targets import Target
from services.records.servicers import scope


class _DryRun(Exception):
    """Takes a merge back that was only to be seen."""

    def __init__(self, response: pb.MergeRecordsResponse) -> None:
        super().__init__()
        self.response = response


class DuplicateServicer(rpc.DuplicateServiceServicer):
    def __init__(self, db: Database, definitions: Definitions) -> None:
        self._db = db
        self._definitions = definitions

    async def FindDuplicates(
        self, request: pb.FindDuplicatesRequest, context: Context
    ) -> pb.FindDuplicatesResponse:
        target = await scope.reading(self._definitions, request.object, request.at_version)
        if bool(request.ids) == bool(request.fields_json):
            message = "name records by ids, or describe one by fields"
            raise InvalidArgument.at("DUPLICATES_INVALID", "ids", "REQUIRED", message)
        docs = {"": _described(target, request.fields_json)} if request.fields_json else {}
        async with self._db.reading(target.workspace_id) as tx:
            if request.ids:
                docs = await merging.documents_of(tx, target, request.ids)
            found = await merging.find(tx, target, docs)
        return pb.FindDuplicatesResponse(
            groups=[
                pb.DuplicateGroup(
                    id=key,
                    duplicates=[
                        pb.Duplicate(record=convert.read(one.record), matched_fields=one.fields)
                        for one in likes
                    ],
                )
                for key, likes in found.items()
            ],
            metadata_version=target.workspace.version,
        )

    async def MergeRecords(
        self, request: pb.MergeRecordsRequest, context: Context
    ) -> pb.MergeRecordsResponse:
        actions = ["update", "delete"]
        target = await scope.writing(self._definitions, request.object, actions, request.at_version)

        async def work(tx: Tx) -> pb.MergeRecordsResponse:
            merged = await merging.merge(tx, target, request.ids, request.priority_id)
            return pb.MergeRecordsResponse(
                record=convert.stored(target.object, merged.record),
                merged_ids=[str(i) for i in merged.gone],
                moved_relations=merged.moved,
                metadata_version=target.workspace.version,
            )

        if not request.dry_run:
            return await idempotency.once(
                self._db, target.caller, request, pb.MergeRecordsResponse, work
            )
        try:
            async with self._db.transaction(target.workspace_id) as tx:
                await _shown(tx, work)
        except _DryRun as seen:
            return seen.response
        raise AssertionError("unreachable")


async def _shown(tx: Tx, work: Callable[[Tx], Awaitable[pb.MergeRecordsResponse]]) -> None:
    raise _DryRun(await work(tx))


def _described(target: Target, fields_json: bytes) -> dict[str, object]:
    try:
        return merging.document_of(target, convert.item(fields_json).fields)
    except Invalid as exc:
        raise convert.refused("FIELDS_INVALID", exc) from exc
