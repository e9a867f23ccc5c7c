"""Apply whole schema documents, and the blueprints that ship with the platform."""

import json
from importlib.resources import files
from typing import Any

from kit.caller import Caller
from kit.db import Tx
from kit.errors import NotFound
from schema.jsonio import loads_exact
from schema.problems import nearest
from services.metadata.logic import document as logic
from services.metadata.model import Difference, Noun
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.refusals import refused

# What a change did, for a response: (create or update, noun, dotted path).
Said = tuple[str, str, str]


async def apply(
    tx: Tx, caller: Caller, catalogues: Catalogues, document_json: bytes, *, validate_only: bool
) -> tuple[list[Said], int]:
    """Make the workspace hold at least what the document describes, all of it or nothing."""
    with refused("SCHEMA"):
        document = loads_exact(document_json)
    return await _apply(tx, caller, catalogues, document, validate_only=validate_only)


async def install(
    tx: Tx, caller: Caller, catalogues: Catalogues, name: str
) -> tuple[list[Said], int]:
    """Apply a blueprint; what it defines counts as standard."""
    shelf = blueprints()
    if name not in shelf:
        hint = nearest(name, shelf) or f"; there is {', '.join(sorted(shelf))}"
        raise NotFound("BLUEPRINT_NOT_FOUND", f"there is no blueprint {name!r}{hint}")
    return await _apply(tx, caller, catalogues, shelf[name], standard=True)


def blueprints() -> dict[str, Any]:
    """Those that ship with the platform, by name."""
    found = files("services.metadata").joinpath("blueprints").iterdir()
    return {
        one.name.removesuffix(".json"): json.loads(one.read_text(encoding="utf-8"))
        for one in found
        if one.name.endswith(".json")
    }


async def _apply(
    tx: Tx,
    caller: Caller,
    catalogues: Catalogues,
    document: object,
    *,
    validate_only: bool = False,
    standard: bool = False,
) -> tuple[list[Said], int]:
    change = await catalogues.begin(tx, caller.workspace_id)
    with refused("SCHEMA"):
        logic.apply(change.draft, document, caller.principal_id, standard=standard)
    if validate_only:
        said = [_said(change.draft.objects, d) for d in change.draft.differences()]
        return said, change.draft.base.version
    new, differences = await catalogues.finish(tx, caller, change)
    return [_said(change.draft.objects, d) for d in differences], new.version


def _said(objects: dict[str, Any], difference: Difference) -> Said:
    entity = difference.entity
    path = entity.name
    if difference.noun in {Noun.FIELD, Noun.VIEW}:
        path = f"{objects[entity.object_id].name}.{entity.name}"  # type: ignore[union-attr]
    action = "create" if difference.before is None else "update"
    return action, difference.noun, path
