"""Check what relation values point to, all of a request in one query, and resolve matches."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit.db import Tx
from schema.compiled import CompiledObject, Workspace
from schema.model import Field, FieldType
from schema.problems import Invalid, Problem
from schema.values import Reference, canonical, point_to, references, unique_key
from services.records.logic.documents import key_hash
from services.records.operations import visibility
from services.records.store import uniques

# A document by field key, its changed fields, and the path of its fields.
Written = tuple[dict[str, Any], Sequence[Field], str]


def readable(obj: CompiledObject, raw: object, path: str) -> Written:
    """The relations of a record that is refused already: their targets are checked all the same,
    so that every problem of a request comes at once."""
    doc: dict[str, Any] = {}
    fields: list[Field] = []
    for name, sent in raw.items() if isinstance(raw, dict) else ():
        codec = obj.codecs.get(name)
        if codec is None or codec.field.type is not FieldType.RELATION or sent is None:
            continue
        with contextlib.suppress(Invalid):  # is among the record's problems
            doc[codec.key] = codec.write(None, sent, f"{path}.{name}")
            fields.append(codec.field)
    return doc, fields, path


async def check(
    tx: Tx, workspace_id: UUID, workspace: Workspace, written: Sequence[Written]
) -> list[Problem]:
    """Judge the references of changed fields.

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
    refused: set[int] = set()
    matched = await _resolve_matches(
        tx, workspace_id, workspace, [r for _, r in found], problems, refused
    )
    ids = {UUID(r.id) for _, r in found if r.id} | {m[1] for m in matched.values()}
    objects = await visibility.live(tx, workspace_id, workspace, ids)
    for doc, reference in found:
        target = UUID(reference.id) if reference.id else None
        if reference.match is not None:
            if id(reference) in refused:
                continue
            match = matched.get(id(reference))
            target = match[1] if match else None
            if match:
                key = reference.field.key or reference.field.name
                doc[key] = point_to(reference.field, match[0], str(match[1]))
        known = objects.get(target) if target else None
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
    refused: set[int],
) -> Mapping[int, tuple[str, UUID]]:
    """(object, record) by identity of each reference that names its target by a unique value;
    `refused` gets those whose match makes no sense."""
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
            refused.add(id(reference))
            continue
        try:
            value = canonical(field, raw, f"{reference.path}.match.{name}")
        except Invalid as exc:
            problems += exc.problems
            refused.add(id(reference))
            continue
        text = unique_key(field, value)
        if text is not None:
            wanted[id(reference)] = (target.name, (UUID(field.index_id), key_hash(text)))
    holders = await uniques.holders(tx, workspace_id, [key for _, key in wanted.values()])
    return {ref: (name, holders[key]) for ref, (name, key) in wanted.items() if key in holders}
