"""Answer calls on subscriptions and their deliveries."""

from typing import Any
from uuid import UUID

from armature.events.v1 import subscription_pb2
from armature.events.v1 import subscription_service_pb2 as pb
from armature.events.v1 import subscription_service_pb2_grpc as rpc

from kit import idempotency, ids, paging
from kit.caller import Caller, current_caller
from kit.calls import Context
from kit.clock import now
from kit.db import Database, Tx
from kit.egress import Egress
from kit.errors import InvalidArgument, NotFound, Violation
from kit.masking import MASK
from kit.webhooks import Sealer
from planes.definitions import Definitions
from schema.problems import Invalid
from services.events import convert
from services.events.logic import headers, matching
from services.events.operations import deliveries, subscriptions
from services.events.store import deliveries as delivery_store
from services.events.store import secrets
from services.events.store import subscriptions as store


class SubscriptionServicer(rpc.SubscriptionServiceServicer):
    def __init__(
        self, db: Database, egress: Egress, definitions: Definitions, sealer: Sealer
    ) -> None:
        self._db = db
        self._egress = egress
        self._definitions = definitions
        self._sealer = sealer

    async def CreateSubscription(
        self, request: pb.CreateSubscriptionRequest, context: Context
    ) -> pb.CreateSubscriptionResponse:
        caller = current_caller()
        caller.require("rules")
        names = [name for name in convert.CHANGEABLE if name != "state"]
        values, bad = convert.subscription_values(request.subscription, names)
        bad += headers.problems(values, None)
        await self._check(caller, values, values, bad)
        values["id"] = ids.client_id(request.subscription.id, "subscription.id")
        self._seal(values, values["id"])

        async def work(tx: Tx) -> pb.CreateSubscriptionResponse:
            made = await subscriptions.create(tx, caller, self._sealer, values)
            return pb.CreateSubscriptionResponse(subscription=convert.subscription(made))

        response = await idempotency.once(
            self._db, caller, request, pb.CreateSubscriptionResponse, work
        )
        # Shown, and kept nowhere in the clear: not among the idempotent answers either.
        response.secret = await self._secret(caller, UUID(response.subscription.id))
        return response

    async def GetSubscription(
        self, request: pb.GetSubscriptionRequest, context: Context
    ) -> pb.GetSubscriptionResponse:
        caller = current_caller()
        caller.require("read")
        found = await self._get(caller, ids.parse_id(request.id, "id"))
        return pb.GetSubscriptionResponse(subscription=found)

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, context: Context
    ) -> pb.ListSubscriptionsResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        after = paging.decode(request.page_token, "subscriptions")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await store.page(
                tx, caller.workspace_id, UUID(after) if after else None, limit=size + 1
            )
        more = len(found) > size
        token = paging.encode(str(found[size - 1].id), "subscriptions") if more else ""
        return pb.ListSubscriptionsResponse(
            subscriptions=[convert.subscription(one) for one in found[:size]],
            next_page_token=token,
        )

    async def UpdateSubscription(
        self, request: pb.UpdateSubscriptionRequest, context: Context
    ) -> pb.UpdateSubscriptionResponse:
        caller = current_caller()
        caller.require("rules")
        subscription_id = ids.parse_id(request.id, "id")
        names = _masked(list(request.update_mask.paths))
        values, bad = convert.subscription_values(request.changes, names)
        async with self._db.transaction(caller.workspace_id) as tx:
            known = await store.get(tx, caller.workspace_id, subscription_id)
        whole = {"object": known.object, "filter_json": known.filter_json} | values
        bad += headers.problems(values, known)
        await self._check(caller, values, whole, bad)
        self._seal(values, subscription_id)

        async def work(tx: Tx) -> pb.UpdateSubscriptionResponse:
            present = await store.locked(tx, caller.workspace_id, subscription_id)
            if present is None:
                raise store.unknown(subscription_id)
            if changed := headers.problems(values, present):  # since we looked
                raise convert.subscription_invalid(changed)
            changes = headers.kept(values, present)
            stored = await subscriptions.update(tx, caller, subscription_id, changes)
            return pb.UpdateSubscriptionResponse(subscription=convert.subscription(stored))

        return await idempotency.once(
            self._db, caller, request, pb.UpdateSubscriptionResponse, work
        )

    async def DeleteSubscription(
        self, request: pb.DeleteSubscriptionRequest, context: Context
    ) -> pb.DeleteSubscriptionResponse:
        caller = current_caller()
        caller.require("rules")
        subscription_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.DeleteSubscriptionResponse:
            await subscriptions.delete(tx, caller, subscription_id)
            return pb.DeleteSubscriptionResponse()

        return await idempotency.once(
            self._db, caller, request, pb.DeleteSubscriptionResponse, work
        )

    async def RotateSecret(
        self, request: pb.RotateSecretRequest, context: Context
    ) -> pb.RotateSecretResponse:
        caller = current_caller()
        caller.require("rules")
        subscription_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.RotateSecretResponse:
            await subscriptions.rotate(
                tx, caller, self._sealer, subscription_id, end_old=request.end_old
            )
            return pb.RotateSecretResponse()

        response = await idempotency.once(self._db, caller, request, pb.RotateSecretResponse, work)
        response.secret = await self._secret(caller, subscription_id)
        return response

    async def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, context: Context
    ) -> pb.ListDeliveriesResponse:
        caller = current_caller()
        caller.require("read")
        size = paging.clamp(request.page_size)
        bound = ["deliveries", request.subscription_id, request.event_id, request.state]
        before = paging.decode(request.page_token, *bound)
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await delivery_store.page(
                tx,
                caller.workspace_id,
                subscription_id=_optional_id(request.subscription_id, "subscription_id"),
                event_id=_optional_id(request.event_id, "event_id"),
                state=convert.delivery_state(request.state),
                before=UUID(before) if before else None,
                limit=size + 1,
            )
        more = len(found) > size
        return pb.ListDeliveriesResponse(
            deliveries=[convert.delivery(one) for one in found[:size]],
            next_page_token=paging.encode(str(found[size - 1].id), *bound) if more else "",
        )

    async def GetDelivery(
        self, request: pb.GetDeliveryRequest, context: Context
    ) -> pb.GetDeliveryResponse:
        caller = current_caller()
        caller.require("read")
        delivery_id = ids.parse_id(request.id, "id")
        async with self._db.transaction(caller.workspace_id) as tx:
            found = await delivery_store.get(tx, caller.workspace_id, delivery_id)
            tries = await delivery_store.attempts(tx, caller.workspace_id, delivery_id)
        return pb.GetDeliveryResponse(
            delivery=convert.delivery(found), attempts=[convert.attempt(one) for one in tries]
        )

    async def RedeliverDelivery(
        self, request: pb.RedeliverDeliveryRequest, context: Context
    ) -> pb.RedeliverDeliveryResponse:
        caller = current_caller()
        caller.require("rules")
        delivery_id = ids.parse_id(request.id, "id")

        async def work(tx: Tx) -> pb.RedeliverDeliveryResponse:
            pending = await deliveries.redeliver(tx, caller.workspace_id, delivery_id)
            return pb.RedeliverDeliveryResponse(delivery=convert.delivery(pending))

        return await idempotency.once(self._db, caller, request, pb.RedeliverDeliveryResponse, work)

    async def _get(self, caller: Caller, subscription_id: UUID) -> subscription_pb2.Subscription:
        async with self._db.transaction(caller.workspace_id) as tx:
            return convert.subscription(await store.get(tx, caller.workspace_id, subscription_id))

    def _seal(self, values: dict[str, Any], subscription_id: UUID) -> None:
        """Keep the values of headers shut, as secrets are; the mask stays a mask."""
        if "headers" in values:
            values["headers"] = {
                name: value
                if value == MASK
                else self._sealer.seal_text(value, str(subscription_id))
                for name, value in values["headers"].items()
            }

    async def _secret(self, caller: Caller, subscription_id: UUID) -> str:
        """The newest; empty when the subscription has gone since."""
        async with self._db.transaction(caller.workspace_id) as tx:
            sealed = await secrets.newest(tx, caller.workspace_id, subscription_id)
        return self._sealer.open(sealed, str(subscription_id)) if sealed else ""

    async def _check(
        self, caller: Caller, values: dict[str, Any], whole: dict[str, Any], bad: list[Violation]
    ) -> None:
        """What needs the network: where the URL leads, and whether there is that object and the
        filter fits it."""
        if "url" in values:
            try:
                await self._egress.check_destination(values["url"], "subscription.url")
            except InvalidArgument as exc:
                bad += exc.violations
        needed = whole["filter_json"] or whole["object"]
        if needed and {"filter_json", "object"} & values.keys():
            bad += await self._filter_problems(caller, whole)
        if bad:
            raise convert.subscription_invalid(bad)

    async def _filter_problems(self, caller: Caller, whole: dict[str, Any]) -> list[Violation]:
        if not whole["object"]:
            message = "a filter is about one object's fields: name the object"
            return [Violation("subscription.object", "REQUIRED", message)]
        try:
            workspace, obj = await self._definitions.object(caller.workspace_id, whole["object"])
            if whole["filter_json"]:
                seen = self._definitions.seen_by(caller, workspace)
                matching.read_filter(workspace, obj, whole["filter_json"], now(), seen)
        except NotFound as exc:
            return [Violation("subscription.object", "OBJECT_NOT_FOUND", exc.message)]
        except Invalid as exc:
            return convert.filter_problems(exc)
        return []


def _masked(paths: list[str]) -> list[str]:
    if not paths:
        message = f"name what to change, of {', '.join(convert.CHANGEABLE)}"
        raise InvalidArgument.at("SUBSCRIPTION_INVALID", "update_mask", "EMPTY", message)
    for path in paths:
        if path not in convert.CHANGEABLE:
            message = f"{path[:60]!r} can't be changed; of {', '.join(convert.CHANGEABLE)}"
            raise InvalidArgument.at("SUBSCRIPTION_INVALID", "update_mask", "UNKNOWN", message)
    return list(dict.fromkeys(paths))


def _optional_id(value: str, path: str) -> UUID | None:
    return ids.parse_id(value, path) if value else None
