"""Make, change and end subscriptions, and give them secrets."""

from typing import Any
from uuid import UUID

from kit import ids, outbox
from kit.caller import Caller
from kit.db import Tx
from kit.webhooks import Sealer, new_secret
from services.events import events
from services.events.logic import headers
from services.events.model import Subscription, SubscriptionState
from services.events.store import subscriptions as store

OVERLAP_SECONDS = 24 * 3600.0


async def create(tx: Tx, caller: Caller, sealer: Sealer, new: dict[str, Any]) -> Subscription:
    """Store it with its first secret, and announce it."""
    values = new | {"created_by": caller.principal_id, "state": SubscriptionState.ENABLED}
    made = await store.insert(tx, caller.workspace_id, values)
    await rotate(tx, caller, sealer, made.id)
    await outbox.add(tx, caller, events.subscription_changed("created", made, 1))
    return made


async def rotate(
    tx: Tx, caller: Caller, sealer: Sealer, subscription_id: UUID, *, end_old: bool = False
) -> None:
    """A new secret signs from now on; the one before it signs along for 24 hours, or ends at once
    as older ones do. The lock keeps those who rotate at once from keeping more than two."""
    if await store.locked(tx, caller.workspace_id, subscription_id) is None:
        raise store.unknown(subscription_id)
    sealed = sealer.seal(new_secret(), str(subscription_id))
    seconds = 0.0 if end_old else OVERLAP_SECONDS
    key = (caller.workspace_id, subscription_id, ids.new_id())
    await store.add_secret(tx, *key, sealed, overlap=seconds)


async def update(
    tx: Tx, caller: Caller, subscription_id: UUID, changes: dict[str, Any]
) -> Subscription:
    """Change what is named, and announce it. A person's word on the state ends the platform's."""
    if "state" in changes:
        changes = changes | {"state_reason": ""}
    stored = await store.update(tx, caller.workspace_id, subscription_id, changes)
    await _announce(tx, caller, "updated", stored)
    return stored


async def fail(tx: Tx, workspace_id: UUID, subscription_id: UUID, reason: str) -> None:
    """Stop it for a reason that people can read; what waits stays waiting. Once: of several
    deliveries that find the reason, the first says so."""
    known = await store.locked(tx, workspace_id, subscription_id)
    if known is None or known.state is not SubscriptionState.ENABLED:
        return
    changes = {"state": SubscriptionState.FAILED, "state_reason": reason}
    stored = await store.update(tx, workspace_id, subscription_id, changes)
    await _announce(tx, events.platform(workspace_id), "failed", stored)


async def warn(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> None:
    """Announce that it fails, before it is switched off."""
    stored = await store.get(tx, workspace_id, subscription_id)
    await _announce(tx, events.platform(workspace_id), "failing", stored)


async def delete(tx: Tx, caller: Caller, subscription_id: UUID) -> None:
    version = await store.version(tx, caller.workspace_id, subscription_id)
    ended = await store.delete(tx, caller.workspace_id, subscription_id)
    await outbox.add(tx, caller, events.subscription_changed("deleted", ended, version + 1))


async def shut_headers(tx: Tx, workspace_id: UUID, subscription_id: UUID, sealer: Sealer) -> None:
    """Seal what its headers hold in the clear; nobody need be told."""
    present = await store.locked(tx, workspace_id, subscription_id)
    if present is None or not headers.has_open(present.headers):
        return
    bound = str(subscription_id)
    shut = headers.shut(present.headers, lambda text: sealer.seal_text(text, bound))
    await store.replace_headers(tx, workspace_id, subscription_id, shut)


async def _announce(tx: Tx, caller: Caller, verb: str, stored: Subscription) -> None:
    version = await store.version(tx, caller.workspace_id, stored.id)
    await outbox.add(tx, caller, events.subscription_changed(verb, stored, version))
