"""Lanes that no worker serves, deliveries leased to the test, and outcomes of their attempts."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from kit import ids
from kit.db import Tx
from services.events.model import (
    Attempted,
    Claim,
    NewDelivery,
    Outcome,
    PayloadKind,
    SubscriptionState,
)
from services.events.operations import deliveries
from services.events.store import deliveries as store
from services.events.store import subscriptions

GOOD = Outcome(1, 200, "", "ok", 3, "t" * 32, succeeded=True, gone=False, endpoint_down=False,
               retry_in=None)  # fmt: skip
DOWN = replace(GOOD, status=500, error="500", succeeded=False, endpoint_down=True, retry_in=60.0)
LAST = replace(DOWN, retry_in=None)
GONE = replace(DOWN, status=410, endpoint_down=False, gone=True, retry_in=None)


async def a_lane(tx: Tx, workspace: UUID) -> UUID:
    """A subscription that no worker serves: the test is its worker."""
    made = await subscriptions.insert(
        tx,
        workspace,
        {
            "id": ids.new_id(), "name": "x", "url": "https://a.example", "event_types": ["*"],
            "object": "", "filter_json": "", "payload": PayloadKind.FAT, "headers": {},
            "ordered": False, "rate_limit": 0, "state": SubscriptionState.ENABLED,
            "created_by": "ada", "coalesce_seconds": 0,
        },
    )  # fmt: skip
    await tx.run("UPDATE delivery_lanes SET enabled = false WHERE workspace_id = %s", [workspace])
    return made.id


async def claimed(tx: Tx, workspace: UUID, lane: UUID, count: int) -> list[Claim]:
    """Deliveries of a lane, and leases of them."""
    new = [
        NewDelivery(
            ids.new_id(), lane, ids.new_id(), "record.updated", ids.new_id(), 1, "{}", "", ""
        )
        for _ in range(count)
    ]
    await deliveries.add(tx, workspace, new)
    await tx.run(
        "UPDATE delivery_queue SET token = 7, lease_time = now() + interval '1 hour'"
        " WHERE workspace_id = %s AND subscription_id = %s",
        [workspace, lane],
    )
    return [Claim(workspace, one.id, lane, 7, "ada") for one in new]


async def attempts(
    tx: Tx, workspace: UUID, claims: Sequence[Claim], outcomes: Sequence[Outcome]
) -> list[Attempted]:
    begun = await store.begin_attempts(tx, workspace, claims)
    return [
        Attempted(claim, begun[claim.delivery_id], replace(outcome, number=1))
        for claim, outcome in zip(claims, outcomes, strict=True)
    ]
