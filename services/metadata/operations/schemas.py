"""Plan and apply whole schema documents, and take changes back."""

from collections.abc import Callable
from dataclasses import dataclass

from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, NotFound, Violation
from schema.jsonio import loads_exact
from services.metadata.logic import document as logic
from services.metadata.logic import reverting
from services.metadata.logic.catalog import Draft
from services.metadata.logic.consequences import Consequence, consequences
from services.metadata.model import Difference
from services.metadata.operations import field_jobs
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.refusals import refused
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
    done = await apply_document(tx, caller, catalogues, document, mode)
    return done.found, done.version


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of definitions came to, and the definitions after it."""

    found: list[Consequence]
    version: int
    differences: list[Difference]
    draft: Draft


async def apply_document(
    tx: Tx, caller: Caller, catalogues: Catalogues, document: object, mode: Mode
) -> Changed:
    """The same, of a document that is read."""

    def edit(draft: Draft) -> None:
        with refused("SCHEMA"):
            logic.apply(
                draft, document, caller.principal_id, standard=mode.standard, exact=mode.exact
            )

    return await change(tx, caller, catalogues, edit, mode)


async def change(
    tx: Tx, caller: Caller, catalogues: Catalogues, edit: Callable[[Draft], None], mode: Mode
) -> Changed:
    """Edit the definitions, all of it or nothing, and ask for the jobs that it takes."""
    begun = await catalogues.begin(tx, caller.workspace_id)
    edit(begun.draft)
    found = consequences(begun.draft)
    await field_jobs.check(tx, caller.workspace_id, begun)
    if mode.validate_only:
        return Changed(found, begun.draft.base.version, [], begun.draft)
    if not mode.allow_destructive:
        _refuse_destructive(found)
    new, differences = await catalogues.finish(tx, caller, begun)
    await field_jobs.request(tx, caller, begun, new.version)
    return Changed(found, new.version, differences, begun.draft)


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

    done = await change(tx, caller, catalogues, edit, Mode())
    return done.found, done.version
