"""Rotate what others know of a rule or workflow: its signing secret, a workflow's own URL.

The new one holds at once. The old one holds along with it for a day, so that whoever uses it has
the time to change; or ends at once, where it has become known. Of signing secrets two hold at most,
so that what is sent carries two signatures at most; old URLs are each taken for their day.
"""

import hashlib
import hmac
from datetime import datetime
from uuid import UUID

from kit import ids
from kit.caller import Caller
from kit.db import Tx
from kit.webhooks import Sealer, new_secret
from services.automation.model import Kind
from services.automation.store import secrets as store
from services.automation.store import workflows
from services.automation.store.secrets import Use

OVERLAP_SECONDS = 24 * 3600.0


def bound_to(workspace_id: UUID, source_id: UUID) -> str:
    """What a sealed secret of a rule or workflow can be opened with."""
    return f"{workspace_id}/{source_id}"


def token(sealer: Sealer, workspace_id: UUID, workflow_id: UUID, salt: str) -> str:
    """The secret part of a workflow's URL; with another salt, another."""
    bound = bound_to(workspace_id, workflow_id)
    return sealer.token(f"{bound}/{salt}" if salt else bound)


def hash_of(known: str) -> bytes:
    return hashlib.sha256(known.encode()).digest()


def is_token(given: str, hook: store.Hook) -> bool:
    """Whether it is the token of now, or one that holds yet."""
    hashed = hash_of(given)
    return any(hmac.compare_digest(hashed, one) for one in hook.hashes)


async def rotate_signing(
    tx: Tx, caller: Caller, sealer: Sealer, kind: Kind, source_id: UUID, *, end_old: bool
) -> datetime:
    """A new secret signs from now on; when the one before it ends. Older ones end at once. The row
    of the rule or workflow is locked by this transaction."""
    workspace_id = caller.workspace_id
    present = (await store.signing(tx, workspace_id, kind, source_id))[0]
    sealed = sealer.seal(new_secret(), bound_to(workspace_id, source_id))
    await store.replace_signing(tx, workspace_id, kind, source_id, sealed)
    await store.end_retired(tx, workspace_id, source_id, Use.SIGNING)
    seconds = 0.0 if end_old else OVERLAP_SECONDS
    until = await store.retire(tx, workspace_id, source_id, Use.SIGNING, present, seconds)
    await _note(tx, caller, source_id, "the signing secret", end_old=end_old)
    return until


async def rotate_hook(
    tx: Tx, caller: Caller, sealer: Sealer, workflow_id: UUID, *, end_old: bool
) -> datetime:
    """A new URL is taken from now on; when the old ones end. The workflow's row is locked by this
    transaction."""
    workspace_id = caller.workspace_id
    present = await store.hook(tx, workspace_id, workflow_id)
    assert present is not None
    salt = ids.new_id().hex
    hashed = hash_of(token(sealer, workspace_id, workflow_id, salt))
    await store.replace_hook(tx, workspace_id, workflow_id, salt, hashed)
    seconds = 0.0 if end_old else OVERLAP_SECONDS
    kept = present.hashes[0]
    until = await store.retire(tx, workspace_id, workflow_id, Use.HOOK, kept, seconds)
    await _note(tx, caller, workflow_id, "the URL", end_old=end_old)
    return until


async def _note(tx: Tx, caller: Caller, source_id: UUID, what: str, *, end_old: bool) -> None:
    text = f"{what}; the old one has ended" if end_old else f"{what}; the old one holds for a day"
    await workflows.add_entry(tx, caller.workspace_id, source_id, "rotated", text, caller.name)
