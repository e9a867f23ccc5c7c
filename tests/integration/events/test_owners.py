"""Subscriptions act as those who made them; what is wrong with one holds no other's deliveries."""

from typing import Any
from uuid import UUID

from tests.integration.events.conftest import As, Plane
from tests.integration.events.hooks import deliveries, in_state, subscribe
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


async def subscribed(plane: Plane, workspace: UUID, *receivers: Receiver) -> tuple[As, list[str]]:
    """A subscription of somebody else for each receiver, and those who made them."""
    names = [f"{name}-{workspace}" for name in ("ann", "ben")]
    for name, receiver in zip(names, receivers, strict=True):
        await subscribe(plane.a(workspace, name=name), receiver.url)
    return plane.a(workspace), names


async def test_while_nobody_says_what_one_may_see_the_others_deliveries_go_out(
    plane: Plane, workspace: UUID
) -> None:
    async with Receiver().running() as one, Receiver().running() as other:
        caller, (hangs, _) = await subscribed(plane, workspace, one, other)
        with plane.metadata.hanging(hangs) as asked:
            await plane.emit(workspace, "record.created")
            await in_state(caller, "succeeded", 1)
            await eventually(lambda: there(asked), "it was asked what the other may see")
            assert (len(one.got), len(other.got), asked) == (0, 1, ["asks"])
        await in_state(caller, "succeeded", 2)


async def test_what_ends_one_subscription_makes_no_others_delivery_wait(
    plane: Plane, workspace: UUID
) -> None:
    async with Receiver().running() as one, Receiver().running() as other:
        caller, (gone, _) = await subscribed(plane, workspace, one, other)
        plane.metadata.revoked.add(gone)
        async with plane.db.transaction(workspace) as tx:
            # Ending it has to wait for us.
            await tx.all("SELECT id FROM subscriptions WHERE created_by = %s FOR UPDATE", [gone])
            await plane.emit(workspace, "record.created")
            await in_state(caller, "succeeded", 1)
            assert (len(one.got), len(other.got)) == (0, 1)
        assert sorted(d.state for d in await deliveries(caller)) == ["pending", "succeeded"]


async def there(asked: list[Any]) -> bool:
    return bool(asked)
