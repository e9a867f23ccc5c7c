"""Call the records plane by method name, and read its answers as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from armature.common.v1 import batch_pb2
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1.record_service_pb2_grpc import RecordServiceStub

from kit import clients
from kit.db import Database, Row

PARTIAL = batch_pb2.BATCH_MODE_PARTIAL


def as_json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


def fields_of(record: record_pb2.Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.fields_json)
    return found


def plain(record: record_pb2.Record) -> dict[str, Any]:
    """All of a record, comparable: the order of its fields does not count."""
    found = {d.name: str(value) for d, value in record.ListFields()}
    return found | {"fields_json": fields_of(record)}


def outcome(name: str) -> int:
    return record_pb2.Outcome.Value(f"OUTCOME_{name}")


@dataclass(frozen=True)
class Client:
    """One principal of one workspace."""

    stub: RecordServiceStub
    workspace_id: UUID
    db: Database
    role: str = "admin"
    principal: str = "ada"

    async def __call__(self, method: str, **request: Any) -> Any:
        made = getattr(pb, f"{method}Request")(**request)
        credential = f"{self.workspace_id}:{self.role}:{quote(self.principal)}"
        call = getattr(self.stub, method)
        return await clients.call(call, made, clients.metadata(credential), timeout=25.0)

    async def create(self, obj: str = "deal", **fields: Any) -> record_pb2.Record:
        answer = await self("CreateRecord", object=obj, fields_json=as_json(fields))
        record: record_pb2.Record = answer.record
        return record

    async def update(self, record: record_pb2.Record, **fields: Any) -> Any:
        return await self(
            "UpdateRecord", object=record.object, id=record.id, fields_json=as_json(fields)
        )

    async def delete(self, record: record_pb2.Record) -> record_pb2.Record:
        answer = await self("DeleteRecord", object=record.object, id=record.id)
        gone: record_pb2.Record = answer.record
        return gone

    async def get(self, record: record_pb2.Record, **more: Any) -> record_pb2.Record:
        answer = await self("GetRecord", object=record.object, id=record.id, **more)
        found: record_pb2.Record = answer.record
        return found

    async def upsert(self, *match: str, obj: str = "deal", **fields: Any) -> Any:
        return await self("UpsertRecord", object=obj, match=match, fields_json=as_json(fields))

    async def create_all(
        self, documents: Sequence[Mapping[str, Any]], obj: str = "deal", **more: Any
    ) -> list[pb.BatchResult]:
        items = [pb.BatchItem(fields_json=as_json(d)) for d in documents]
        answer = await self("BatchCreateRecords", object=obj, items=items, **more)
        return list(answer.results)

    async def query(
        self,
        obj: str = "deal",
        where: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        return await self("QueryRecords", object=obj, selection=selecting(where), **more)

    async def every_page(
        self,
        obj: str = "deal",
        where: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> list[record_pb2.Record]:
        """The union of the pages, in order; each but the last is full."""
        found: list[record_pb2.Record] = []
        token = ""
        while True:
            page = await self.query(obj, where, page_token=token, **more)
            found += page.records
            token = page.next_page_token
            if not token:
                return found
            assert len(page.records) == (more.get("page_size") or 50)

    async def board(
        self,
        view: str = "Pipeline",
        where: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> dict[Any, pb.BoardColumn]:
        """The columns by key."""
        answer = await self(
            "QueryBoard", object="deal", view=view, selection=selecting(where), **more
        )
        return {json.loads(c.key_json): c for c in answer.columns}

    async def rows(self, sql: str) -> list[Row]:
        """What this workspace has in a table."""
        async with self.db.transaction(self.workspace_id) as tx:
            return await tx.all(sql)

    async def events(self, *records: record_pb2.Record) -> list[dict[str, Any]]:
        """What was announced, in order: type, aggregate_version and the payload's members."""
        wanted = {r.id for r in records}
        rows = await self.rows(
            "SELECT type, aggregate_id, aggregate_version, actor, payload FROM outbox ORDER BY seq"
        )
        return [
            {"type": r["type"], "at": r["aggregate_version"], **json.loads(r["payload"])}
            for r in rows
            if not wanted or str(r["aggregate_id"]) in wanted
        ]


def selecting(document: Mapping[str, Any] | None) -> pb.Selection:
    return pb.Selection() if document is None else pb.Selection(filter_json=as_json(document))
