"""Seal the headers that were stored in the clear, before values were sealed: a page at a time."""

from uuid import UUID

import structlog

from kit.db import Tx
from kit.webhooks import Sealer
from schema import jsonio
from services.automation.logic import headers
from services.automation.model import ActionType
from services.automation.operations.secrets import bound_to
from services.automation.store import sealing as store
from services.automation.store.sealing import Kept, Part

log = structlog.get_logger()


async def step(tx: Tx, workspace_id: UUID, part: Part, sealer: Sealer, limit: int) -> bool:
    """Go on from where this or another process has got to, by at most so many rows; whether there
    may be more."""
    place = await store.place(tx, workspace_id, part)
    if place is None:
        return False
    page = await store.page(tx, workspace_id, part, place, limit=limit)
    changed = []
    for kept in page:
        keeper = headers.Keeper(sealer, bound_to(workspace_id, kept.source_id))
        if (new := _legible(part, kept, keeper)) is not None:
            changed.append((kept, new))
    await store.replace(tx, workspace_id, part, changed)
    more = len(page) == limit
    last = page[-1].place if page else place
    await store.go_on(tx, workspace_id, part, last, done=not more)
    return more


def _legible(part: Part, kept: Kept, keeper: headers.Keeper) -> str | None:
    """As `_shut`; a row that can't be read is told of, and holds up no other."""
    if not kept.text:
        return None
    try:
        return _shut(part, kept, keeper)
    except Exception:
        log.exception("headers not sealed", part=part, id=str(kept.place.id), n=kept.place.number)
        return None


def _shut(part: Part, kept: Kept, keeper: headers.Keeper) -> str | None:
    """The text with its headers sealed; None where they are."""
    document = jsonio.loads_stored(kept.text.encode())
    if not isinstance(document, dict):
        return None
    if part is Part.STEPS:
        shut = keeper.seal_rest_of_input(ActionType(kept.type), document)
    elif part is Part.RULES:
        shut = {**document, "actions": [_action(one, keeper) for one in document["actions"]]}
    else:
        shut = headers.in_draft(document, keeper.seal_rest)
    return None if shut == document else jsonio.dumps(shut).decode()


def _action(action: dict[str, object], keeper: headers.Keeper) -> dict[str, object]:
    given = action["input"]
    assert isinstance(given, dict)
    return {**action, "input": keeper.seal_rest_of_input(ActionType(str(action["type"])), given)}
