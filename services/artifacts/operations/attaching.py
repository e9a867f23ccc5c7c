"""Attach artifacts to targets and detach them, under the rights that were asked for before.

Rights are asked before the transaction, of the targets as they were then. Where others have been
attached meanwhile, the request is tried again by its caller.
"""

from collections.abc import Sequence
from datetime import datetime

from kit.caller import Caller
from kit.db import Tx
from kit.errors import Unavailable
from planes.nodes import Node
from services.artifacts.logic.access import Allowed, may, not_found, replaced, require_targets
from services.artifacts.model import Holder
from services.artifacts.store import targets


async def present(tx: Tx, caller: Caller, artifact: Node, allowed: Allowed) -> tuple[Node, ...]:
    """What it is attached to now; UNAVAILABLE / CONFLICT when that has changed since we asked."""
    found = (await targets.of(tx, caller.workspace_id, [artifact]))[artifact]
    if any(target not in allowed for target in found):
        raise Unavailable("CONFLICT", f"the {artifact.kind} was attached meanwhile; try again")
    return found


def require(caller: Caller, artifact: Node, holder: Holder, allowed: Allowed) -> None:
    """NOTE_NOT_FOUND and its kin unless the caller may do it."""
    if not may(holder, caller.principal_id, allowed):
        raise not_found(artifact.kind, str(artifact.id))


async def replace_all(
    tx: Tx,
    caller: Caller,
    artifact: Node,
    made: datetime,
    before: tuple[Node, ...],
    given: Sequence[Node] | None,
    allowed: Allowed,
) -> tuple[Node, ...]:
    """The targets afterwards, when `given` replaces them as a whole; None leaves them."""
    if given is None:
        return before
    added, gone = replaced(before, given, allowed)
    require_targets(added, allowed)
    await targets.attach(tx, caller.workspace_id, [(artifact, made, added)])
    await targets.detach(tx, caller.workspace_id, artifact, gone)
    return tuple(sorted({*before, *added} - set(gone)))
