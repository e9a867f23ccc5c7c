"""Build what the records plane announces: record.created, updated, deleted, undeleted, purged."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.outbox import Event
from schema import jsonio
from schema.compiled import CompiledObject
from schema.model import Field
from services.records.logic.documents import by_name
from services.records.model import FieldJob, Stored

Doc = dict[str, Any]


def _event(
    kind: str, obj: CompiledObject, record: Stored, metadata_version: int, data: dict[str, Any]
) -> Event:
    payload = {
        "record_id": str(record.id),
        "object": obj.name,
        "object_id": obj.id,
        "version": record.version,
        "metadata_version": metadata_version,
        "update_time": record.update_time.isoformat().replace("+00:00", "Z"),
        **data,
    }
    return Event(
        type=f"record.{kind}",
        aggregate_type="record",
        aggregate_id=record.id,
        aggregate_version=record.version,
        object=obj.name,
        data=jsonio.dumps(payload),
    )


def _set_fields(obj: CompiledObject, doc: Doc) -> list[Field]:
    return [f for f in obj.fields.values() if (f.key or f.name) in doc]


def created(obj: CompiledObject, record: Stored, version: int, kind: str = "created") -> Event:
    """record.created, or record.undeleted: what is set now, from nothing."""
    present = _set_fields(obj, record.doc)
    return _event(
        kind,
        obj,
        record,
        version,
        {
            "changed_fields": [f.name for f in present],
            "before": {},
            "after": by_name(obj, record.doc, present),
            "fields": by_name(obj, record.doc),
        },
    )


def updated(
    obj: CompiledObject, record: Stored, version: int, before: Doc, changed: Sequence[Field]
) -> Event:
    was, is_now = by_name(obj, before, changed), by_name(obj, record.doc, changed)
    return _updated(obj, record, version, was, is_now)


def rewritten(
    obj: CompiledObject, record: Stored, version: int, field: Field, before: Any, after: Any
) -> Event:
    """record.updated: a job gave one field another value, which may be of another type."""
    return _updated(obj, record, version, {field.name: before}, {field.name: after})


def _updated(obj: CompiledObject, record: Stored, version: int, before: Doc, after: Doc) -> Event:
    data = {
        "changed_fields": list(after),
        "before": before,
        "after": after,
        "fields": by_name(obj, record.doc),
    }
    return _event("updated", obj, record, version, data)


def deleted(
    obj: CompiledObject,
    record: Stored,
    version: int,
    kind: str = "deleted",
    merged_into: UUID | None = None,
) -> Event:
    """record.deleted, or record.purged: what was set, gone; `merged_into` is what stands for it."""
    present = _set_fields(obj, record.doc)
    data: dict[str, Any] = {
        "changed_fields": [f.name for f in present],
        "before": by_name(obj, record.doc, present),
        "after": {},
    }
    if kind == "deleted":
        data["fields"] = by_name(obj, record.doc)
    if merged_into is not None:
        data["merged_into"] = str(merged_into)
    return _event(kind, obj, record, version, data)


def field_job(job: FieldJob, verb: str) -> Event:
    """field_job.succeeded, failed or cancelled: how a change of a definition's data has ended."""
    return Event(
        f"field_job.{verb}",
        "field_job",
        job.id,
        2,
        {
            "job_id": str(job.id),
            "object_id": str(job.object_id),
            "field_id": str(job.field_id) if job.field_id else "",
            "kind": job.kind,
            "problems": job.problems,
            "failure": job.failure,
        },
    )
