"""What the events plane itself announces."""

from uuid import UUID

from kit.caller import Caller
from kit.outbox import Event
from services.events.model import Subscription


def platform(workspace_id: UUID) -> Caller:
    """Who does what nobody asked for."""
    return Caller(workspace_id, "system", "system", "Armature")


def subscription_changed(verb: str, subscription: Subscription, version: int) -> Event:
    """subscription.created, updated, deleted, failed (by the platform) or failing (a notice)."""
    return Event(
        type=f"subscription.{verb}",
        aggregate_type="subscription",
        aggregate_id=subscription.id,
        aggregate_version=version,
        data={
            "subscription_id": str(subscription.id),
            "name": subscription.name,
            "state": subscription.state.value,
            "state_reason": subscription.state_reason,
        },
    )
