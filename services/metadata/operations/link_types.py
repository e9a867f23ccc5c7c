"""Create, change and deactivate link types."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from schema.model import LinkType
from services.metadata.logic import link_types as logic
from services.metadata.model import Stored
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import link_type_of
from services.metadata.operations.refusals import refused

Result = tuple[Stored[LinkType], int]


async def create(
    tx: Tx, caller: Caller, catalogues: Catalogues, raw: Mapping[str, Any], given_id: str
) -> Result:
    change = await catalogues.begin(tx, caller.workspace_id)
    with refused("LINK_TYPE"):
        made = logic.create(change.draft, raw, given_id=given_id)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.link_types[made.id], new.version


async def update(
    tx: Tx, caller: Caller, catalogues: Catalogues, name: str, raw: Mapping[str, Any]
) -> Result:
    change = await catalogues.begin(tx, caller.workspace_id)
    old = link_type_of(change.draft, name)
    with refused("LINK_TYPE"):
        logic.update(change.draft, old, raw)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.link_types[old.id], new.version


async def deactivate(tx: Tx, caller: Caller, catalogues: Catalogues, name: str) -> int:
    """Take a link type out of the API; its links stay. Repeating it changes nothing."""
    change = await catalogues.begin(tx, caller.workspace_id)
    old = link_type_of(change.draft, name)
    if old.active:
        with refused("LINK_TYPE"):
            logic.deactivate(change.draft, old)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.version
