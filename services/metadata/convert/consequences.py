"""What a change of definitions does, as messages."""

from collections.abc import Mapping, Sequence

from armature.metadata.v1 import schema_service_pb2 as pb

from services.metadata.logic.consequences import Consequence


def schema_changes(
    found: Sequence[Consequence], counts: Mapping[str, int] | None = None
) -> list[pb.SchemaChange]:
    """`counts` of records by the path of what goes."""
    return [
        pb.SchemaChange(
            action=one.action,
            kind=one.kind,
            path=one.path,
            destructive=one.destructive,
            affects=one.affects,
            record_count=(counts or {}).get(one.path, 0),
            field_job=one.job_id if counts is None else "",
        )
        for one in found
    ]
