"""Create, change and delete views."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from schema.model import View
from services.metadata.logic import views as logic
from services.metadata.logic.catalog import Definitions
from services.metadata.model import Stored
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import object_of, view_of
from services.metadata.operations.refusals import refused

Result = tuple[Stored[View], Definitions]


async def create(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    raw: Mapping[str, Any],
    given_id: str,
) -> Result:
    """Scaffold a view of a type on the field that is named, or the only eligible one."""
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    with refused("VIEW"):
        made = logic.create(change.draft, obj, raw, caller.principal_id, given_id=given_id)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.views[made.id], new


async def update(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    view_name: str,
    raw: Mapping[str, Any],
) -> Result:
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    old = view_of(change.draft, obj, view_name, caller.principal_id)
    with refused("VIEW"):
        logic.update(change.draft, obj, old, raw)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.views[old.id], new


async def delete(
    tx: Tx, caller: Caller, catalogues: Catalogues, object_name: str, view_name: str
) -> int:
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    old = view_of(change.draft, obj, view_name, caller.principal_id)
    with refused("VIEW"):
        logic.delete(change.draft, old)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.version
