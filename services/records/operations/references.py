"""Check what relation values point to, all of a request in one query, and resolve matches."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.compiled import Workspace
from schema.model import Field
from schema.problems import Problem
from schema.values import Reference, canonical, point_to, references, unique_key
from services.records.logic.documents import key_hash
from services.records.store import records as store
from services.records.store import uniques


async def check(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    written: Sequence[tuple[dict[str, Any], Sequence[Field], str]],
) -> list[Problem]:
    """Judge the references of changed fields; `written` holds (document, changed fields, path).

    A match is replaced in its document by the record it means. What is missing, deleted, of a wrong
    object or not visible is one and the same problem.
    """
    found = [
        (doc, reference)
        for doc, changed, path in written
        for reference in references(changed, doc, path)
        if not reference.is_file
    ]
    if not found:
        return []
    problems: list[Problem] = []
    matched = await _resolve_matches(tx, workspace_id, workspace, [r for _, r in found], problems)
    ids = {UUID(r.id) for _, r in found if r.id} | {m[1] for m in matched.values()}
    objects = await store.live(tx, workspace_id, sorted(ids))
    for doc, reference in found:
        target = UUID(reference.id) if reference.id else None
        if reference.match is not None:
            match = matched.get(id(reference))
            target = match[1] if match else None
            if match:
                key = reference.field.key or reference.field.name
                doc[key] = point_to(reference.field, match[0], str(match[1]))
        known = workspace.objects_by_id.get(str(objects.get(target))) if target else None
        if known is None or known.name not in reference.objects:
            allowed = " or ".join(reference.objects)
            message = f"must name a {allowed} that exists and that you may see"
            problems.append(Problem(reference.path, "UNKNOWN_RECORD", message))
    return problems


async def _resolve_matches(
    tx: Tx,
    workspace_id: UUID,
    workspace: Workspace,
    found: Sequence[Reference],
    problems: list[Problem],
) -> Mapping[int, tuple[str, UUID]]:
    """(object, record) by identity of each reference that names its target by a unique value."""
    wanted: dict[int, tuple[str, tuple[UUID, bytes]]] = {}
    for reference in found:
        if reference.match is None:
            continue
        target = workspace.object(reference.objects[0])
        name, raw = next(iter(reference.match.items()))
        field = target.fields.get(name) if target else None
        if target is None or field is None or not field.unique or len(reference.match) != 1:
            message = "match takes one unique field of the target object and its value"
            problems.append(Problem(f"{reference.path}.match", "MATCH_INVALID", message))
            continue
        text = unique_key(field, canonical(field, raw, f"{reference.path}.match.{name}"))
        if text is not None:
            wanted[id(reference)] = (target.name, (UUID(field.id), key_hash(text)))
    holders = await uniques.holders(tx, workspace_id, [key for _, key in wanted.values()])
    return {ref: (name, holders[key]) for ref, (name, key) in wanted.items() if key in holders}
