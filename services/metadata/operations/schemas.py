"""Plan and apply whole schema documents, take changes back, and keep blueprints."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound, Violation
from schema.jsonio import loads_exact
from schema.problems import nearest
from services.metadata.logic import document as logic
from services.metadata.logic import fields, link_types, objects, reverting
from services.metadata.logic.catalog import Draft
from services.metadata.logic.consequences import Consequence, consequences
from services.metadata.model import Difference, Noun
from services.metadata.operations import field_jobs
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.refusals import refused
from services.metadata.store import blueprints as store
from services.metadata.store import changes as change_store

Result = tuple[list[Consequence], int]
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Mode:
    """How a document is applied."""

    validate_only: bool = False
    exact: bool = False  # what the named objects have beside the document goes
    allow_destructive: bool = True
    standard: bool = False


async def apply(
    tx: Tx, caller: Caller, catalogues: Catalogues, document_json: bytes, mode: Mode
) -> Result:
    """Make the workspace hold what the document describes, all of it or nothing."""
    with refused("SCHEMA"):
        document = loads_exact(document_json)
    found, version, _ = await _apply(tx, caller, catalogues, document, mode)
    return found, version


async def _apply(
    tx: Tx, caller: Caller, catalogues: Catalogues, document: object, mode: Mode
) -> tuple[list[Consequence], int, list[Difference]]:
    def edit(draft: Draft) -> None:
        with refused("SCHEMA"):
            logic.apply(
                draft, document, caller.principal_id, standard=mode.standard, exact=mode.exact
            )

    return await _change(tx, caller, catalogues, edit, mode)


async def _change(
    tx: Tx, caller: Caller, catalogues: Catalogues, edit: Callable[[Draft], None], mode: Mode
) -> tuple[list[Consequence], int, list[Difference]]:
    change = await catalogues.begin(tx, caller.workspace_id)
    edit(change.draft)
    found = consequences(change.draft)
    await field_jobs.check(tx, caller.workspace_id, change)
    if mode.validate_only:
        return found, change.draft.base.version, []
    if not mode.allow_destructive:
        _refuse_destructive(found)
    new, differences = await catalogues.finish(tx, caller, change)
    await field_jobs.request(tx, caller, change, new.version)
    return found, new.version, differences


def _refuse_destructive(found: list[Consequence]) -> None:
    violations = [
        Violation(one.path, "DESTRUCTIVE", f"{one.action} {one.kind} {one.path}")
        for one in found
        if one.destructive
    ]
    if violations:
        message = f"it would {violations[0].message}; plan it, then say allow_destructive"
        raise FailedPrecondition("SCHEMA_DESTRUCTIVE", message, violations=violations)


async def revert(tx: Tx, caller: Caller, catalogues: Catalogues, version: str) -> Result:
    """Undo what made a version, as a new version."""
    known = version.isascii() and version.isdigit() and len(version) <= _MAX_DIGITS
    changes = await change_store.of_version(
        tx, caller.workspace_id, caller.principal_id, int(version) if known else 0
    )
    if not changes:
        raise NotFound("CHANGE_NOT_FOUND", f"no change has made version {version!r}")

    def edit(draft: Draft) -> None:
        with refused("CHANGE"):
            reverting.revert(draft, changes)

    found, now, _ = await _change(tx, caller, catalogues, edit, Mode())
    return found, now


# --- blueprints ---


async def install(tx: Tx, caller: Caller, catalogues: Catalogues, name: str) -> Result:
    """Apply a blueprint, or what its newer version adds; what it defines counts as standard."""
    document = dict(_of_shelf(name))
    version = int(document.pop("version", 1))
    mode = Mode(standard=True)
    found, now, differences = await _apply(tx, caller, catalogues, document, mode)
    had = (await store.installed(tx, caller.workspace_id)).get(name)
    made: dict[str, list[str]] = {k: list(v) for k, v in (had.made if had else {}).items()}
    for one in differences:
        if one.before is None and one.noun is not Noun.VIEW:
            made.setdefault(str(one.noun), []).append(one.entity_id)
    if had is None or (had.version, had.made) != (version, made):
        await store.put(tx, caller.workspace_id, store.Installed(name, version, made))
    return found, now


async def uninstall(
    tx: Tx, caller: Caller, catalogues: Catalogues, name: str, *, force: bool
) -> Result:
    """Deactivate what a blueprint has made; data stay, and so does what others have made of it.
    FAILED_PRECONDITION / IN_USE, without `force`, where something else uses it."""
    had = (await store.installed(tx, caller.workspace_id)).get(name)
    if had is None:
        raise FailedPrecondition(
            "BLUEPRINT_NOT_INSTALLED", f"the workspace does not have the blueprint {name!r}"
        )

    def edit(draft: Draft) -> None:
        with refused("OBJECT"):
            _take_out(draft, had.made, force=force)

    found, now, _ = await _change(tx, caller, catalogues, edit, Mode())
    await store.drop(tx, caller.workspace_id, name)
    return found, now


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


def _of_shelf(name: str) -> dict[str, Any]:
    shelf = blueprints()
    if name not in shelf:
        hint = nearest(name, shelf) or f"; there is {', '.join(sorted(shelf))}"
        raise NotFound("BLUEPRINT_NOT_FOUND", f"there is no blueprint {name!r}{hint}")
    found: dict[str, Any] = shelf[name]
    return found


def blueprints() -> dict[str, Any]:
    """Those that ship with the platform, by name."""
    found = files("services.metadata").joinpath("blueprints").iterdir()
    return {
        one.name.removesuffix(".json"): json.loads(one.read_text(encoding="utf-8"))
        for one in found
        if one.name.endswith(".json")
    }
