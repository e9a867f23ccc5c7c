"""Create, change and deactivate fields."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from schema.model import Field
from services.metadata.logic import fields as logic
from services.metadata.model import Stored
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import field_of, object_of
from services.metadata.operations.refusals import refused

Result = tuple[Stored[Field], int]


async def create(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    raw: Mapping[str, Any],
    given_id: str,
) -> Result:
    """Add a field; it can be used in the next call."""
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    with refused("FIELD"):
        made = logic.create(change.draft, obj, raw, given_id=given_id)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.fields[made.id], new.version


async def update(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    field_name: str,
    raw: Mapping[str, Any],
) -> Result:
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    old = field_of(change.draft, obj, field_name)
    with refused("FIELD"):
        logic.update(change.draft, obj, old, raw)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.fields[old.id], new.version


async def deactivate(
    tx: Tx, caller: Caller, catalogues: Catalogues, object_name: str, field_name: str
) -> tuple[Stored[Field], list[str], int]:
    """Take a field out of the API and its views; the views that the caller sees among those."""
    change = await catalogues.begin(tx, caller.workspace_id)
    draft = change.draft
    obj = object_of(draft, object_name)
    old = field_of(draft, obj, field_name)
    seen = {v.id for o in draft.objects for v in draft.views_of(o, caller.principal_id)}
    repaired = logic.deactivate(draft, old) if old.active else []
    new, _ = await catalogues.finish(tx, caller, change)
    return new.fields[old.id], [i for i in repaired if i in seen], new.version
