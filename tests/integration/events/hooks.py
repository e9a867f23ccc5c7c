"""What tests of webhooks share: subscriptions, and what became of their deliveries."""

from typing import Any

from armature.events.v1 import subscription_pb2
from armature.events.v1 import subscription_service_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from kit import ids
from tests.integration.events.conftest import As
from tests.integration.kit.helpers import eventually


async def subscribe(caller: As, url: str, *types: str, **more: Any) -> tuple[Any, str]:
    wanted = subscription_pb2.Subscription(
        name="crm", url=url, event_types=types or ("record.*",), **more
    )
    made = await caller.call(
        caller.subscriptions.CreateSubscription,
        pb.CreateSubscriptionRequest(subscription=wanted, request_id=str(ids.new_id())),
    )
    return made.subscription, made.secret


async def deliveries(caller: As, **wanted: Any) -> list[Any]:
    request = pb.ListDeliveriesRequest(page_size=1000, **wanted)
    return list((await caller.call(caller.subscriptions.ListDeliveries, request)).deliveries)


async def in_state(caller: As, state: str, count: int, seconds: float = 60) -> list[Any]:
    async def there() -> bool:
        return len(await deliveries(caller, state=state)) >= count

    await eventually(there, f"{count} deliveries {state}", seconds)
    return await deliveries(caller, state=state)


async def get(caller: As, delivery_id: str) -> Any:
    return await caller.call(
        caller.subscriptions.GetDelivery, pb.GetDeliveryRequest(id=delivery_id)
    )


async def subscription(caller: As, subscription_id: str) -> Any:
    request = pb.GetSubscriptionRequest(id=subscription_id)
    return (await caller.call(caller.subscriptions.GetSubscription, request)).subscription


async def change(caller: As, subscription_id: str, **changes: Any) -> Any:
    request = pb.UpdateSubscriptionRequest(
        id=subscription_id,
        changes=subscription_pb2.Subscription(**changes),
        update_mask=FieldMask(paths=list(changes)),
    )
    return (await caller.call(caller.subscriptions.UpdateSubscription, request)).subscription
