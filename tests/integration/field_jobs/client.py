"""Define and write in one breath, each call at the version of the last definition."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from armature.metadata.v1 import (
    field_service_pb2,
    field_service_pb2_grpc,
    object_service_pb2,
    object_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    unique_constraint_service_pb2,
    unique_constraint_service_pb2_grpc,
    view_service_pb2,
    view_service_pb2_grpc,
)
from armature.records.v1 import (
    duplicate_service_pb2,
    duplicate_service_pb2_grpc,
    field_job_pb2,
    field_job_service_pb2,
    field_job_service_pb2_grpc,
    record_pb2,
    record_service_pb2,
    record_service_pb2_grpc,
)

from kit import clients
from kit.db import Row
from tests.services import Running, until

_METADATA = {
    field_service_pb2: field_service_pb2_grpc.FieldServiceStub,
    object_service_pb2: object_service_pb2_grpc.ObjectServiceStub,
    schema_service_pb2: schema_service_pb2_grpc.SchemaServiceStub,
    unique_constraint_service_pb2: unique_constraint_service_pb2_grpc.UniqueConstraintServiceStub,
    view_service_pb2: view_service_pb2_grpc.ViewServiceStub,
}
_RECORDS = {
    duplicate_service_pb2: duplicate_service_pb2_grpc.DuplicateServiceStub,
    record_service_pb2: record_service_pb2_grpc.RecordServiceStub,
    field_job_service_pb2: field_job_service_pb2_grpc.FieldJobServiceStub,
}
ENDED = {
    field_job_pb2.FIELD_JOB_STATE_SUCCEEDED: "succeeded",
    field_job_pb2.FIELD_JOB_STATE_FAILED: "failed",
    field_job_pb2.FIELD_JOB_STATE_CANCELLED: "cancelled",
}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass
class Client:
    metadata: Running
    records: Running
    key: str
    workspace_id: str
    version: int = field(default=0)

    async def __call__(self, method: str, **request: Any) -> Any:
        for service, stubs in ((self.metadata, _METADATA), (self.records, _RECORDS)):
            for messages, stub in stubs.items():
                kind = getattr(messages, f"{method}Request", None)
                if kind is None:
                    continue
                if "at_version" in kind.DESCRIPTOR.fields_by_name:
                    request.setdefault("at_version", self.version)
                call = getattr(stub(service.channel), method)
                headers = clients.metadata(self.key)
                answer = await clients.call(call, kind(**request), headers, timeout=30.0)
                if service is self.metadata:
                    self.version = max(self.version, getattr(answer, "metadata_version", 0))
                return answer
        raise AssertionError(method)

    async def an_object(self, **fields: Any) -> None:
        """`ship`, with fields by name: a type, or a whole definition."""
        await self("CreateObject", object={"name": "ship"})
        for name, spec in fields.items():
            await self.a_field(name, **({"type": spec} if isinstance(spec, str) else spec))

    async def a_field(self, name: str, **spec: Any) -> Any:
        for part in ("settings", "default"):
            if part in spec:
                spec[f"{part}_json"] = as_json(spec.pop(part))
        return (await self("CreateField", object="ship", field={"name": name, **spec})).field

    async def change(self, name: str, *paths: str, **more: Any) -> Any:
        """Update a field: `changes` by part, other arguments as the request has them."""
        changes = more.pop("changes")
        for part in ("settings", "default"):
            if part in changes:
                changes[f"{part}_json"] = as_json(changes.pop(part))
        mask = {"paths": list(paths or changes)}
        return await self(
            "UpdateField", object="ship", field=name, changes=changes, update_mask=mask, **more
        )

    async def create(self, **fields: Any) -> record_pb2.Record:
        made = await self("CreateRecord", object="ship", fields_json=as_json(fields))
        return made.record  # type: ignore[no-any-return]

    async def create_all(self, documents: list[Mapping[str, Any]]) -> list[record_pb2.Record]:
        items = [record_service_pb2.BatchItem(fields_json=as_json(d)) for d in documents]
        answer = await self("BatchCreateRecords", object="ship", items=items)
        return [r.record for r in answer.results]

    async def update(self, record: record_pb2.Record, **fields: Any) -> record_pb2.Record:
        done = await self("UpdateRecord", object="ship", id=record.id, fields_json=as_json(fields))
        return done.record  # type: ignore[no-any-return]

    async def get(self, record: record_pb2.Record) -> dict[str, Any]:
        found = await self("GetRecord", object="ship", id=record.id)
        return json.loads(found.record.fields_json)  # type: ignore[no-any-return]

    async def find(self, where: Mapping[str, Any], sort: str = "") -> list[str]:
        """Ids of the records that a filter selects."""
        selection = record_service_pb2.Selection(filter_json=as_json(where))
        answer = await self(
            "QueryRecords", object="ship", selection=selection, sort=sort, page_size=1000
        )
        return [r.id for r in answer.records]

    async def the_field(self, name: str) -> Any:
        return (await self("GetField", object="ship", field=name)).field

    async def ended(self, job_id: str) -> field_job_pb2.FieldJob:
        """The job, once it is over."""

        async def over() -> field_job_pb2.FieldJob | None:
            listed = await self("ListFieldJobs")
            if job_id not in {j.id for j in listed.field_jobs}:
                return None
            job = (await self("GetFieldJob", id=job_id)).field_job
            return job if job.state in ENDED else None

        return await until(over)

    async def done(self, name: str, job_id: str) -> tuple[str, field_job_pb2.FieldJob]:
        """How the job has ended, once its field is ready again."""
        job = await self.ended(job_id)

        async def ready() -> Any:
            return (await self.the_field(name)).state == "ready"

        await until(ready)
        return ENDED[job.state], job

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """What the records plane keeps of this workspace."""
        workspace_id = UUID(self.workspace_id)
        async with self.records.app.db.transaction(workspace_id) as tx:
            return await tx.all(sql, list(values) or None)
