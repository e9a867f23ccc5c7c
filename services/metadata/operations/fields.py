"""Create, change, deactivate and purge fields."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from schema.model import Field
from services.metadata.logic import field_changes
from services.metadata.logic import fields as logic
from services.metadata.logic.field_changes import Asked
from services.metadata.model import Stored
from services.metadata.operations import field_jobs
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
    await field_jobs.request(tx, caller, change, new.version)
    return new.fields[made.id], new.version


async def update(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    field_name: str,
    raw: Mapping[str, Any],
    asked: Asked,
    *,
    validate_only: bool = False,
) -> tuple[Stored[Field], int, str]:
    """Change a field, or start the job that does; the field, the version and the job's id, empty
    where there is none."""
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    old = field_of(change.draft, obj, field_name)
    with refused("FIELD"):
        logic.update(change.draft, obj, old, raw, asked=asked)
    await field_jobs.check(tx, caller.workspace_id, change)
    if validate_only:
        base = change.draft.base
        jobs = await field_jobs.request(tx, caller, change, base.version, dry_run=True)
        stored = base.fields[old.id]
        would = replace(stored, value=change.draft.fields[old.id])
        return would, base.version, jobs[0].id if jobs else ""
    new, _ = await catalogues.finish(tx, caller, change)
    jobs = await field_jobs.request(tx, caller, change, new.version)
    return new.fields[old.id], new.version, jobs[0].id if jobs else ""


async def purge(
    tx: Tx, caller: Caller, catalogues: Catalogues, object_name: str, field_name: str
) -> tuple[str, int]:
    """Start the job that removes a deactivated field's data; the job's id."""
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name, inactive=True)
    old = field_of(change.draft, obj, field_name)
    with refused("FIELD"):
        job = field_changes.purge_field(change.draft, obj, old)
    new, _ = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return job.id, new.version


async def deactivate(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    field_name: str,
    *,
    force: bool = False,
) -> tuple[Stored[Field], list[str], int]:
    """Take a field out of the API and its views; the views that the caller sees among those."""
    change = await catalogues.begin(tx, caller.workspace_id)
    draft = change.draft
    obj = object_of(draft, object_name)
    old = field_of(draft, obj, field_name)
    seen = {v.id for o in draft.objects for v in draft.views_of(o, caller.principal_id)}
    with refused("FIELD"):
        repaired = logic.deactivate(draft, old, force=force) if old.active else []
    new, _ = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return new.fields[old.id], [i for i in repaired if i in seen], new.version
