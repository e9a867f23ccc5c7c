"""Answer the calls of RecordService that write."""

from collections.abc import Awaitable, Callable, Sequence

from armature.common.v1 import batch_pb2
from armature.records.v1 import record_service_pb2 as pb

from kit import idempotency
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import DeadlineExceeded, ResourceExhausted, ServiceError, Unavailable
from planes.definitions import Definitions
from planes.nodes import Nodes
from schema.problems import Invalid
from services.records import convert
from services.records.model import Item, Written
from services.records.operations import upserts, writes
from services.records.operations.targets import Target
from services.records.servicers import scope
from services.records.servicers.files import FileCheck
from services.records.servicers.guard import DeleteGuard
from services.records.servicers.joining import Joined

Work = Callable[[Tx, Sequence[Item]], Awaitable[list[Written]]]


class Writing:
    """The mutations; mixed into the one servicer."""

    def __init__(
        self,
        db: Database,
        definitions: Definitions,
        guard: DeleteGuard,
        max_batch: int,
        files: FileCheck | None = None,
    ) -> None:
        self._db = db
        self._definitions = definitions
        self._guard = guard
        self._max_batch = max_batch
        self._files = files or FileCheck(Nodes(None, None))
        self._creates = Joined(db, pb.CreateRecordResponse, writes.create, _created)
        self._updates = Joined(db, pb.UpdateRecordResponse, writes.update, _updated)

    async def _target(
        self, name: str, at_version: int = 0, actions: Sequence[str] = ("create", "update")
    ) -> Target:
        """The object as the caller may see it, where it may do all of that; see `scope`."""
        return await scope.writing(self._definitions, name, actions, at_version)

    async def _fresh_target(self, target: Target, sent: Sequence[Item]) -> Target:
        """The target again, with the newest definitions, where a field name is unknown in ours;
        the files that are sent are there."""
        names = {n for i in sent if isinstance(i.fields, dict) for n in i.fields}
        if not names <= set(target.object.fields):
            await self._definitions.refresh(target.caller.workspace_id)
            target = await self._target(target.object.id, actions=())
        await self._files.check(target.caller, target.object, sent)
        return target

    async def CreateRecord(
        self, request: pb.CreateRecordRequest, context: Context
    ) -> pb.CreateRecordResponse:
        target = await self._target(request.object, request.at_version, ["create"])
        sent = _one(request.fields_json, request.id)
        target = await self._fresh_target(target, [sent])
        return await self._creates.write(target, request, sent)

    async def UpdateRecord(
        self, request: pb.UpdateRecordRequest, context: Context
    ) -> pb.UpdateRecordResponse:
        target = await self._target(request.object, request.at_version, ["update"])
        sent = _one(request.fields_json, request.id, request.etag)
        target = await self._fresh_target(target, [sent])
        return await self._updates.write(target, request, sent)

    async def UpsertRecord(
        self, request: pb.UpsertRecordRequest, context: Context
    ) -> pb.UpsertRecordResponse:
        target = await self._target(request.object, request.at_version)
        sent = _one(request.fields_json)
        target = await self._fresh_target(target, [sent])

        async def work(tx: Tx) -> pb.UpsertRecordResponse:
            written = (await upserts.upsert(tx, target, request.match, [sent]))[0]
            return pb.UpsertRecordResponse(
                record=convert.stored(target.object, written.record),
                outcome=convert.outcome(written.outcome),
                metadata_version=target.workspace.version,
            )

        return await idempotency.once(
            self._db, target.caller, request, pb.UpsertRecordResponse, work
        )

    async def DeleteRecord(
        self, request: pb.DeleteRecordRequest, context: Context
    ) -> pb.DeleteRecordResponse:
        target = await self._target(request.object, actions=["delete"])
        sent = [Item(request.id, etag=request.etag)]
        await self._guard.check(target.caller, target.workspace, target.object, [request.id])

        async def work(tx: Tx) -> pb.DeleteRecordResponse:
            written = (await writes.delete(tx, target, sent))[0]
            return pb.DeleteRecordResponse(record=convert.stored(target.object, written.record))

        return await idempotency.once(
            self._db, target.caller, request, pb.DeleteRecordResponse, work
        )

    async def UndeleteRecord(
        self, request: pb.UndeleteRecordRequest, context: Context
    ) -> pb.UndeleteRecordResponse:
        target = await self._target(request.object, actions=["delete"])

        async def work(tx: Tx) -> pb.UndeleteRecordResponse:
            written = (await writes.undelete(tx, target, [Item(request.id)]))[0]
            return pb.UndeleteRecordResponse(record=convert.stored(target.object, written.record))

        return await idempotency.once(
            self._db, target.caller, request, pb.UndeleteRecordResponse, work
        )

    async def PurgeRecord(
        self, request: pb.PurgeRecordRequest, context: Context
    ) -> pb.PurgeRecordResponse:
        target = await self._target(request.object, actions=["purge"])

        async def work(tx: Tx) -> pb.PurgeRecordResponse:
            await writes.purge(tx, target, request.id)
            return pb.PurgeRecordResponse()

        return await idempotency.once(
            self._db, target.caller, request, pb.PurgeRecordResponse, work
        )

    async def BatchCreateRecords(
        self, request: pb.BatchCreateRecordsRequest, context: Context
    ) -> pb.BatchCreateRecordsResponse:
        self._bounded(len(request.items))
        target = await self._target(request.object, request.at_version, ["create"])
        sent = convert.items(request.items)
        target = await self._fresh_target(target, sent)

        async def work(tx: Tx) -> pb.BatchCreateRecordsResponse:
            async def each(inner: Tx, some: Sequence[Item]) -> list[Written]:
                return await writes.create(inner, target, some)

            return pb.BatchCreateRecordsResponse(
                results=await _results(tx, target, sent, request.mode, each),
                metadata_version=target.workspace.version,
            )

        return await idempotency.once(
            self._db, target.caller, request, pb.BatchCreateRecordsResponse, work
        )

    async def BatchUpdateRecords(
        self, request: pb.BatchUpdateRecordsRequest, context: Context
    ) -> pb.BatchUpdateRecordsResponse:
        self._bounded(len(request.items))
        target = await self._target(request.object, request.at_version, ["update"])
        sent = convert.items(request.items)
        target = await self._fresh_target(target, sent)

        async def work(tx: Tx) -> pb.BatchUpdateRecordsResponse:
            async def each(inner: Tx, some: Sequence[Item]) -> list[Written]:
                return await writes.update(inner, target, some)

            return pb.BatchUpdateRecordsResponse(
                results=await _results(tx, target, sent, request.mode, each),
                metadata_version=target.workspace.version,
            )

        return await idempotency.once(
            self._db, target.caller, request, pb.BatchUpdateRecordsResponse, work
        )

    async def BatchUpsertRecords(
        self, request: pb.BatchUpsertRecordsRequest, context: Context
    ) -> pb.BatchUpsertRecordsResponse:
        self._bounded(len(request.items))
        target = await self._target(request.object, request.at_version)
        sent = convert.items(request.items)
        target = await self._fresh_target(target, sent)

        async def work(tx: Tx) -> pb.BatchUpsertRecordsResponse:
            async def each(inner: Tx, some: Sequence[Item]) -> list[Written]:
                return await upserts.upsert(inner, target, request.match, some)

            return pb.BatchUpsertRecordsResponse(
                results=await _results(tx, target, sent, request.mode, each),
                metadata_version=target.workspace.version,
            )

        return await idempotency.once(
            self._db, target.caller, request, pb.BatchUpsertRecordsResponse, work
        )

    async def BatchDeleteRecords(
        self, request: pb.BatchDeleteRecordsRequest, context: Context
    ) -> pb.BatchDeleteRecordsResponse:
        self._bounded(len(request.ids))
        target = await self._target(request.object, actions=["delete"])
        sent = [Item(i, path=f"ids.{n}") for n, i in enumerate(request.ids)]
        await self._guard.check(target.caller, target.workspace, target.object, request.ids)

        async def work(tx: Tx) -> pb.BatchDeleteRecordsResponse:
            async def each(inner: Tx, some: Sequence[Item]) -> list[Written]:
                return await writes.delete(inner, target, some)

            return pb.BatchDeleteRecordsResponse(
                results=await _results(tx, target, sent, request.mode, each)
            )

        return await idempotency.once(
            self._db, target.caller, request, pb.BatchDeleteRecordsResponse, work
        )

    async def BatchUndeleteRecords(
        self, request: pb.BatchUndeleteRecordsRequest, context: Context
    ) -> pb.BatchUndeleteRecordsResponse:
        self._bounded(len(request.ids))
        target = await self._target(request.object, actions=["delete"])
        sent = [Item(i, path=f"ids.{n}") for n, i in enumerate(request.ids)]

        async def work(tx: Tx) -> pb.BatchUndeleteRecordsResponse:
            async def each(inner: Tx, some: Sequence[Item]) -> list[Written]:
                return await writes.undelete(inner, target, some)

            return pb.BatchUndeleteRecordsResponse(
                results=await _results(tx, target, sent, request.mode, each)
            )

        return await idempotency.once(
            self._db, target.caller, request, pb.BatchUndeleteRecordsResponse, work
        )

    def _bounded(self, count: int) -> None:
        if count > self._max_batch:
            raise ResourceExhausted(
                "BATCH_TOO_LARGE",
                f"a batch has at most {self._max_batch} items, not {count}",
                limit=str(self._max_batch),
            )


def _created(target: Target, written: Written) -> pb.CreateRecordResponse:
    return pb.CreateRecordResponse(
        record=convert.stored(target.object, written.record),
        metadata_version=target.workspace.version,
    )


def _updated(target: Target, written: Written) -> pb.UpdateRecordResponse:
    return pb.UpdateRecordResponse(
        record=convert.stored(target.object, written.record),
        outcome=convert.outcome(written.outcome),
        metadata_version=target.workspace.version,
    )


def _one(fields_json: bytes, id_: str = "", etag: str = "") -> Item:
    try:
        return convert.item(fields_json, id_=id_, etag=etag)
    except Invalid as exc:
        raise convert.refused("FIELDS_INVALID", exc) from exc


async def _results(
    tx: Tx,
    target: Target,
    sent: Sequence[Item],
    mode: "batch_pb2.BatchMode",
    work: Work,
) -> list[pb.BatchResult]:
    """All items at once; or, in partial mode, each in a savepoint of its own."""
    if not sent:
        return []
    if mode != batch_pb2.BATCH_MODE_PARTIAL:
        return [convert.result(target.object, w) for w in await work(tx, sent)]
    try:
        async with tx.savepoint():  # all of them, as nearly always
            return [convert.result(target.object, w) for w in await work(tx, sent)]
    except ServiceError:
        return [await _result(tx, target, one, work) for one in sent]


async def _result(tx: Tx, target: Target, item: Item, work: Work) -> pb.BatchResult:
    try:
        async with tx.savepoint():
            return convert.result(target.object, (await work(tx, [item]))[0])
    except ServiceError as exc:
        if isinstance(exc, Unavailable | DeadlineExceeded):  # the whole call, not the item
            raise
        return convert.failed(exc)
