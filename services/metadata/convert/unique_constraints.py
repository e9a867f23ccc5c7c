"""Composite unique constraints as messages."""

from collections.abc import Mapping
from typing import Any

from armature.metadata.v1 import unique_constraint_pb2

from schema.model import UniqueConstraint
from services.metadata.logic.catalog import Draft


def unique_constraint_message(
    draft: Draft, found: UniqueConstraint, jobs: Mapping[str, str]
) -> unique_constraint_pb2.UniqueConstraint:
    """`jobs` are those that definitions wait for."""
    return unique_constraint_pb2.UniqueConstraint(
        id=found.id,
        name=found.name,
        fields=[draft.fields[field_id].name for field_id in found.field_ids],
        state=found.state,
        field_job=jobs.get(found.id, ""),
    )


def unique_constraint_document(message: unique_constraint_pb2.UniqueConstraint) -> dict[str, Any]:
    return {"name": message.name, "fields": list(message.fields)}
