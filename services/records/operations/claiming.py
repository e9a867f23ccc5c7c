"""Claim the values that only one live record of an object may have."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Tx
from kit.errors import AlreadyExists, Violation
from schema.compiled import CompiledObject
from services.records.logic import documents
from services.records.model import Outcome
from services.records.operations import duties
from services.records.operations.targets import Target
from services.records.operations.transitions import Change, live_doc
from services.records.store import field_jobs, uniques


def of_record(obj: CompiledObject, record_id: UUID, doc: dict[str, Any]) -> list[uniques.Claim]:
    """What a live record with this document holds."""
    return [
        uniques.Claim(k.constraint_id, k.key_hash, record_id)
        for k in documents.unique_keys(obj, doc)
    ]


class Claims(NamedTuple):
    """The unique values that changes free and those that they take."""

    old: list[uniques.Claim]
    new: list[uniques.Claim]


def claims_of(obj: CompiledObject, changes: Sequence[Change]) -> Claims | None:
    """None where the object has no unique constraint."""
    if not obj.unique_together and not any(f.unique for f in obj.definition.fields):
        return None
    claims = Claims([], [])
    for c in changes:
        before = live_doc(c.before)
        mine = set(of_record(obj, c.id, c.doc))
        had = set(of_record(obj, c.id, before)) if before is not None else set()
        claims.new.extend(mine - had)
        claims.old.extend(had - mine)
    return claims


async def take(
    tx: Tx,
    target: Target,
    obj: CompiledObject,
    changes: Sequence[Change],
    claims: Claims,
    lenient: Mapping[UUID, field_jobs.Duty],
    carried: duties.Carried,
) -> None:
    """Free the old unique values and take the new ones; ALREADY_EXISTS / VALUE_NOT_UNIQUE, naming
    each field, when another live record (or another item) has one. `lenient` constraints are only
    being built: there it is noted."""
    workspace_id = target.workspace_id
    old, new = claims
    await uniques.release(tx, workspace_id, old)
    if changes and any(c.outcome is Outcome.RESTORED for c in changes):
        await uniques.forget_freed(tx, workspace_id, new)
    refused = await uniques.claim(tx, workspace_id, new)
    if not refused:
        return
    paths = {c.id: c.path for c in changes}
    constraints: dict[str, tuple[str, ...]]
    constraints = {f.index_id: (f.name,) for f in obj.definition.fields}
    constraints |= {c.id: tuple(f.name for f in own) for c, own in obj.unique_together}
    named = {c.id: f" (unique constraint {c.name})" for c, _ in obj.unique_together}
    violations = []
    for one in refused:
        names = constraints[str(one.constraint_id)]
        message = f"another {obj.name} has this {' and '.join(names)}"
        message += named.get(str(one.constraint_id), "")
        if duty := lenient.get(one.constraint_id):
            note = field_jobs.Note(duty.job_id, one.record_id, "NOT_UNIQUE", message)
            carried.notes.append(note)
            continue
        lead = f"{paths[one.record_id]}." if paths[one.record_id] else ""
        if not target.object.fields.keys() >= set(names):  # the caller may not even know of it
            message = f"another {obj.name} has a value that only one may have"
            violations.append(Violation(paths[one.record_id], "NOT_UNIQUE", message))
            continue
        violations += [Violation(f"{lead}{name}", "NOT_UNIQUE", message) for name in names]
    if violations:
        raise AlreadyExists("VALUE_NOT_UNIQUE", violations[0].message, violations=violations)
