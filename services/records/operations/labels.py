"""Name records as people know them: by the label field of their object."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from kit.db import Tx
from schema.compiled import Workspace
from schema.filters.paths import targets
from schema.model import Field
from services.records.model import Projection
from services.records.store import queries

_PRIMARY = ("primary", "number", "url", "markdown")  # the ways to the text of a composite


async def of(
    tx: Tx, workspace_id: UUID, workspace: Workspace, relation: Field, ids: Sequence[str]
) -> dict[str, str]:
    """Labels of those of these records that the relation may lead to and the caller may see, in one
    query for each object; records without a label are not among them."""
    found: dict[str, str] = {}
    wanted = [UUID(one) for one in ids]
    for obj in targets(workspace, relation):
        name = obj.definition.label_field
        if name not in obj.fields or not wanted:
            continue
        records = await queries.by_ids(tx, workspace_id, obj, wanted, Projection((name,)))
        for record_id, record in records.items():
            if label := _text(msgspec.json.decode(record.fields_json)[name]):
                found[str(record_id)] = label
    return found


def _text(value: Any) -> str:
    """A value in one line: of contacts the primary, of names and addresses what is there."""
    if value is None:
        return ""
    if isinstance(value, dict):
        for part in _PRIMARY:
            if part in value:
                return _text(value[part])
        return " ".join(filter(None, map(_text, value.values())))
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)
