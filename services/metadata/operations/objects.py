"""Create, change, deactivate and purge objects."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from schema.model import Object
from services.metadata.logic import field_changes
from services.metadata.logic import objects as logic
from services.metadata.model import Stored
from services.metadata.operations import field_jobs
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import object_of
from services.metadata.operations.refusals import refused

Result = tuple[Stored[Object], int]


async def create(
    tx: Tx, caller: Caller, catalogues: Catalogues, raw: Mapping[str, Any], given_id: str
) -> Result:
    """Define an object and its first table view."""
    change = await catalogues.begin(tx, caller.workspace_id)
    with refused("OBJECT"):
        made = logic.create(change.draft, raw, given_id=given_id, principal_id=caller.principal_id)
    new, _ = await catalogues.finish(tx, caller, change)
    return new.objects[made.id], new.version


async def update(
    tx: Tx, caller: Caller, catalogues: Catalogues, name: str, raw: Mapping[str, Any]
) -> Result:
    change = await catalogues.begin(tx, caller.workspace_id)
    old = object_of(change.draft, name, inactive=True)
    with refused("OBJECT"):
        logic.update(change.draft, old, raw)
    new, _ = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return new.objects[old.id], new.version


async def deactivate(
    tx: Tx, caller: Caller, catalogues: Catalogues, name: str, *, force: bool
) -> Result:
    """Take an object out of the API; repeating it changes nothing."""
    change = await catalogues.begin(tx, caller.workspace_id)
    old = object_of(change.draft, name, inactive=True)
    if old.active:
        with refused("OBJECT"):
            logic.deactivate(change.draft, old, force=force)
    new, _ = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return new.objects[old.id], new.version


async def purge(tx: Tx, caller: Caller, catalogues: Catalogues, name: str) -> tuple[str, int]:
    """Start the job that removes a deactivated object's records; the job's id."""
    change = await catalogues.begin(tx, caller.workspace_id)
    old = object_of(change.draft, name, inactive=True)
    with refused("OBJECT"):
        job = field_changes.purge_object(change.draft, old)
    new, _ = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return job.id, new.version
