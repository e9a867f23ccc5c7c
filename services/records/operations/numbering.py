"""Number records: new ones as they are written, older ones when a field is added."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.compiled import CompiledObject
from schema.field_types.settings import resolved_settings
from schema.model import Field, FieldType
from services.records.store import auto_numbers


def numbered(obj: CompiledObject) -> list[Field]:
    """The active auto_number fields, in one order for everybody."""
    found = (f for f in obj.fields.values() if f.type is FieldType.AUTO_NUMBER)
    return sorted(found, key=lambda f: f.id)


async def number(
    tx: Tx, workspace_id: UUID, field: Field, documents: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Number, in place and in their order, the documents that have no number of the field yet;
    those."""
    key = field.key or field.name
    bare = [doc for doc in documents if key not in doc]
    if bare:
        start = resolved_settings(field.type, field.settings)["start"]
        first = await auto_numbers.take(tx, workspace_id, UUID(field.id), start, len(bare))
        for value, doc in enumerate(bare, first):
            doc[key] = value
    return bare
