"""Ask the records plane for what changes need of data, and change over when that is done.

The request leaves as an event with the definition that it is for; the end of the job comes as one.
Either plane may be down at any moment: nothing is asked twice, and no answer is lost.
"""

from typing import Any
from uuid import UUID

import msgspec

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from services.metadata import events
from services.metadata.logic import field_changes as logic
from services.metadata.logic import unique_constraints
from services.metadata.logic.catalog import Draft
from services.metadata.model import Job
from services.metadata.operations import role_rules, rollup_uses
from services.metadata.operations.catalogues import Catalogues, Change
from services.metadata.store import field_changes as store


async def request(
    tx: Tx, caller: Caller, change: Change, metadata_version: int, *, dry_run: bool = False
) -> list[Job]:
    """Ask for the jobs of a draft, with the transaction that writes it."""
    jobs = change.draft.requested
    for job in jobs:
        if not dry_run and job.kind not in {
            "number",
            "release",
            "unroll",
            "restore",
        }:  # nothing waits for those
            await store.add(tx, caller.workspace_id, job, caller.actor())
        plan: Any = msgspec.to_builtins(job.plan)
        await outbox.add(
            tx, caller, events.field_job_requested(job, plan, metadata_version, dry_run=dry_run)
        )
    return jobs


async def check(tx: Tx, workspace_id: UUID, change: Change) -> None:
    """FAILED_PRECONDITION / IN_USE for what would break a role's rule or a rollup in the end."""
    if not any(job.kind == "change" for job in change.draft.requested):
        return
    trial = Draft(change.draft.base, change.draft.limits)
    for job in change.draft.requested:
        if job.kind == "change" and job.field_id in trial.fields:
            plan: Any = job.plan
            logic.change_over(trial, trial.fields[job.field_id], plan.target, plan.reassign)
    await role_rules.check(tx, workspace_id, trial, trial.differences())
    rollup_uses.check(trial)


async def ended(
    tx: Tx, caller: Caller, catalogues: Catalogues, job_id: UUID, *, succeeded: bool
) -> None:
    """A job is over: the new definition stands, or the old one goes on."""
    found = await store.take(tx, caller.workspace_id, job_id)
    if found is None:
        return  # a dry run, or told before
    kind, object_id, field_id, plan = found
    change = await catalogues.begin(tx, caller.workspace_id)
    draft = change.draft
    now = draft.fields.get(field_id)
    if kind == "purge_object":
        draft.drop_object(object_id)
    elif kind == "purge_field" and now is not None:
        draft.drop_field(field_id)
    elif kind == "change" and store.change_of(plan).constraint is not None:
        unique_constraints.ended(draft, object_id, field_id, succeeded=succeeded)
    elif now is not None and succeeded:
        done = store.change_of(plan)
        logic.change_over(draft, now, done.target, done.reassign)
    elif now is not None:
        logic.stand(draft, now)
    # What the rules of roles say was judged when the job was asked for; one written since lets
    # nothing through rather than hold the data's new form up.
    new, _ = await catalogues.finish(tx, caller, change, checked=False, job_id=job_id)
    if succeeded and kind == "change":
        await outbox.add(tx, caller, events.field_job_applied(job_id, new.version))
