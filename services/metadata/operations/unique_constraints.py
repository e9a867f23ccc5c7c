"""Create and delete composite unique constraints."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from schema.model import UniqueConstraint
from services.metadata.logic import unique_constraints as logic
from services.metadata.logic.catalog import Draft
from services.metadata.operations import field_jobs
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.finding import object_of, unique_constraint_of
from services.metadata.operations.refusals import refused


async def create(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    object_name: str,
    raw: Mapping[str, Any],
    given_id: str,
    *,
    validate_only: bool = False,
) -> tuple[Draft, UniqueConstraint, int, str]:
    """Add a constraint; the draft, the constraint, the version and the job's id, empty where there
    is none."""
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name)
    with refused("UNIQUE_CONSTRAINT"):
        made = logic.create(change.draft, obj, raw, given_id=given_id)
    if validate_only:
        version = change.draft.base.version
    else:
        new, _ = await catalogues.finish(tx, caller, change)
        version = new.version
    jobs = await field_jobs.request(tx, caller, change, version, dry_run=validate_only)
    return change.draft, made, version, jobs[0].id if jobs else ""


async def delete(
    tx: Tx, caller: Caller, catalogues: Catalogues, object_name: str, name: str
) -> int:
    """Let go of a constraint; its claims go by a job."""
    change = await catalogues.begin(tx, caller.workspace_id)
    obj = object_of(change.draft, object_name, inactive=True)
    found = unique_constraint_of(obj, name)
    with refused("UNIQUE_CONSTRAINT"):
        logic.delete(change.draft, obj, found)
    new, _ = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return new.version
