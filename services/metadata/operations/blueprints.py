"""Install, upgrade and take out blueprints: definitions and roles here, rules and workflows after.

What belongs to the automation plane is written down as tasks, in the transaction of the rest; each
task names what it will make, so that doing it twice makes one. What somebody has changed since a
blueprint left it is theirs.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from kit import ids
from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound
from schema.problems import nearest
from services.metadata.logic import fields, link_types, objects
from services.metadata.logic.catalog import Draft
from services.metadata.logic.consequences import Consequence
from services.metadata.model import Installed, Noun, Part, Task
from services.metadata.operations import blueprint_roles, schemas
from services.metadata.operations.blueprint_roles import Asked, form_of
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.refusals import refused
from services.metadata.operations.schemas import Mode
from services.metadata.store import blueprints as store

ELSEWHERE = {"rule": "rules", "workflow": "workflows"}  # kind, and where a document has them


@dataclass(frozen=True, slots=True)
class Done:
    """What was, or would be, changed here, and what is to be done elsewhere."""

    found: list[Consequence]
    version: int
    after: Installed


async def install(tx: Tx, catalogues: Catalogues, asked: Asked) -> Done:
    """Apply a blueprint, or what its newer version adds; what it defines counts as standard.
    PERMISSION_DENIED / PERMISSION_REQUIRED, with nothing done, for what the caller may not."""
    caller, name, validate_only = asked.caller, asked.blueprint, asked.validate_only
    document = of_shelf(name)
    version = int(document.get("version", 1))
    definitions = {k: v for k, v in document.items() if k in {"objects", "link_types"}}
    had = await store.lock(tx, caller.workspace_id, name)
    if had is not None and had.leaving:  # what an uninstall has deleted, nobody wants away
        asked = replace(asked, restore=True)
    mode = Mode(standard=True, validate_only=validate_only)
    done = await schemas.apply_document(tx, caller, catalogues, definitions, mode)
    found = list(done.found)
    made: dict[str, list[str]] = {k: list(v) for k, v in (had.made if had else {}).items()}
    for one in done.differences:
        if one.before is None and one.noun is not Noun.VIEW:
            made.setdefault(str(one.noun), []).append(one.entity_id)
    parts = {k: dict(v) for k, v in (had.parts if had else {}).items()}
    for raw in document.get("roles", ()):
        workspace, at = done.draft.compiled(), done.version
        kept = parts.get("role", {}).get(raw["name"])
        part, said = await blueprint_roles.bring(tx, asked, workspace, at, raw, kept)
        found += said
        if part is not None:
            parts.setdefault("role", {})[raw["name"]] = part
    pending = tuple(_tasks(document, parts, had, restore=asked.restore))
    _check(asked, pending)
    after = Installed(name, version, made, parts, pending)
    if had != after and not validate_only:
        await store.put(tx, caller.workspace_id, after)
    return Done(found, done.version, after)


async def uninstall(tx: Tx, catalogues: Catalogues, asked: Asked, *, force: bool) -> Done:
    """Deactivate what a blueprint has made; data stay, and so does what others have made of it.
    FAILED_PRECONDITION / IN_USE, without `force`, where something else uses it; refuses what the
    caller may not like `install`."""
    caller, name, validate_only = asked.caller, asked.blueprint, asked.validate_only
    had = await store.lock(tx, caller.workspace_id, name)
    if had is None:
        raise FailedPrecondition(
            "BLUEPRINT_NOT_INSTALLED", f"the workspace does not have the blueprint {name!r}"
        )
    if had.leaving:
        _check(asked, had.pending)
        return Done([], await catalogues.version(tx, caller.workspace_id), had)

    def edit(draft: Draft) -> None:
        with refused("OBJECT"):
            _take_out(draft, had.made, force=force)

    left = await blueprint_roles.take_out(tx, asked, had)
    mode = Mode(validate_only=validate_only)
    done = await schemas.change(tx, caller, catalogues, edit, mode)
    pending = tuple(_removals(had))
    _check(asked, pending)
    after = replace(had, pending=pending, leaving=True)
    if not validate_only:
        await (store.put(tx, caller.workspace_id, after) if pending else _drop(tx, caller, name))
    return Done([*left, *done.found], done.version, after)


async def finished(tx: Tx, caller: Caller, name: str, task: Task, part: Part | None) -> None:
    """A task is done: keep what it has left, and forget a blueprint that has nothing left."""
    found = await store.lock(tx, caller.workspace_id, name)
    if found is None or task not in found.pending:
        return  # somebody else was at it as well
    parts = {kind: dict(own) for kind, own in found.parts.items()}
    own = parts.setdefault(task.kind, {})
    if part is None:
        own.pop(task.name, None)
    else:
        own[task.name] = part
    pending = tuple(one for one in found.pending if one != task)
    if found.leaving and not pending:
        await _drop(tx, caller, name)
    else:
        await store.put(tx, caller.workspace_id, replace(found, parts=parts, pending=pending))


async def _drop(tx: Tx, caller: Caller, name: str) -> None:
    await store.drop(tx, caller.workspace_id, name)


def described(name: str, task: Task) -> dict[str, Any]:
    """What the blueprint says of a rule or workflow; nothing where it says nothing any more."""
    named: list[dict[str, Any]] = of_shelf(name).get(ELSEWHERE[task.kind], [])
    return next((one for one in named if one["name"] == task.name), {})


def _tasks(
    document: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Part]],
    had: Installed | None,
    *,
    restore: bool,
) -> list[Task]:
    """What the automation plane has still to take: all that it does not have in this form. Only
    that plane knows what somebody has deleted there: to `restore` is to look, and to make those
    anew under the task's id."""
    waiting = {(t.kind, t.name): t for t in (had.pending if had else ()) if t.action != "remove"}
    found = []
    for kind, listed in ELSEWHERE.items():
        for raw in document.get(listed, ()):
            name = raw["name"]
            known, task = parts.get(kind, {}).get(name), waiting.get((kind, name))
            if known is None or (task is not None and task.action == "restore"):
                found.append(task or Task(kind, name, "apply", str(ids.new_id())))
            elif restore:
                found.append(Task(kind, name, "restore", str(ids.new_id())))
            elif known.form != form_of(raw):
                found.append(Task(kind, name, "apply", known.id))
    return found


def _removals(had: Installed) -> Iterator[Task]:
    """What the automation plane has to let go: what it has taken, and what it may have taken
    before a process died that would have noted it."""
    for kind in ELSEWHERE:
        made = {(name, part.id) for name, part in had.parts.get(kind, {}).items()}
        made |= {(t.name, t.id) for t in had.pending if t.kind == kind}
        for name, own in sorted(made):
            yield Task(kind, name, "remove", own)


def _check(asked: Asked, pending: Iterable[Task]) -> None:
    """PERMISSION_DENIED / PERMISSION_REQUIRED where the caller may not do all of it."""
    for task in pending:
        asked.may("rules", task.kind, task.name)
    asked.refuse()


def _take_out(draft: Draft, made: dict[str, list[str]], *, force: bool) -> None:
    own = set(made.get("object", ()))
    for link_id in made.get("link_type", ()):
        link = draft.link_types.get(link_id)
        if link is not None and link.active and not link.field_id:
            link_types.deactivate(draft, link)
    for field_id in made.get("field", ()):
        field = draft.fields.get(field_id)
        if field is None or not field.active:
            continue
        # Relations go first, so that what the blueprint made does not keep itself in use.
        if field.object_id not in own or field.settings.get("targets"):
            fields.deactivate(draft, field, force=force or field.object_id in own)
    for object_id in own:
        obj = draft.objects.get(object_id)
        if obj is not None and obj.active:
            objects.deactivate(draft, obj, force=force)


def of_shelf(name: str) -> dict[str, Any]:
    """A blueprint that ships; NOT_FOUND / BLUEPRINT_NOT_FOUND with the nearest name."""
    known = shelf()
    if name not in known:
        hint = nearest(name, known) or f"; there is {', '.join(sorted(known))}"
        raise NotFound("BLUEPRINT_NOT_FOUND", f"there is no blueprint {name!r}{hint}")
    found: dict[str, Any] = known[name]
    return found


def shelf() -> dict[str, Any]:
    """The blueprints that ship with the platform, by name."""
    found = files("services.metadata").joinpath("blueprints").iterdir()
    return {
        one.name.removesuffix(".json"): json.loads(one.read_text(encoding="utf-8"))
        for one in found
        if one.name.endswith(".json")
    }
