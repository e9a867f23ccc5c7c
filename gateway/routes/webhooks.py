"""Serve webhooks and their deliveries."""

from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import SUBSCRIPTIONS
from gateway.routing import Route

_MEMBERS = (
    "name", "url", "event_types", "object", "filter", "payload", "headers", "ordered", "rate_limit",
)  # fmt: skip


def routes(hub: Hub) -> list[Route]:
    base, path = "/v1/webhooks", "/v1/webhooks/{id}"
    create = SUBSCRIPTIONS["CreateSubscription"]
    update = SUBSCRIPTIONS["UpdateSubscription"]
    webhook = one("subscription")

    def say(summary: str, example: object = None) -> Details:
        return Details("webhooks", summary, example)

    return [
        route(
            hub, "GET", base, SUBSCRIPTIONS["ListSubscriptions"], page("subscriptions"),
            say("List webhooks, oldest first."), query=("page_size", "page_token"),
        ),
        route(
            hub, "POST", base, create, one("subscription", "secret", status=201),
            say("Send events to a URL; the signing secret is shown only here.",
                {"name": "Deals", "url": "https://example.com/hook",
                 "event_types": ["record.updated"], "object": "opportunity"}),
            body=body(create, _MEMBERS, into="subscription"),
        ),
        route(
            hub, "GET", path, SUBSCRIPTIONS["GetSubscription"], webhook, say("Get a webhook."),
        ),
        route(
            hub, "PATCH", path, update, webhook,
            say("Change a webhook, or enable and disable it.", {"state": "disabled"}),
            body=body(update, (*_MEMBERS, "state"), into="changes", mask=True),
        ),
        route(
            hub, "DELETE", path, SUBSCRIPTIONS["DeleteSubscription"], nothing(),
            say("End a webhook; deliveries under way are abandoned."),
        ),
        route(
            hub, "POST", f"{path}:rotateSecret", SUBSCRIPTIONS["RotateSecret"], whole(),
            say("Make a new secret; both sign for 24 hours."),
        ),
        route(
            hub, "GET", "/v1/deliveries", SUBSCRIPTIONS["ListDeliveries"], page("deliveries"),
            say("List deliveries, newest first."),
            query={"webhook_id": "subscription_id", "state": "state", "event_id": "event_id",
                   "page_size": "page_size", "page_token": "page_token"},
        ),
        route(
            hub, "GET", "/v1/deliveries/{id}", SUBSCRIPTIONS["GetDelivery"], whole(),
            say("Get a delivery and what was tried."),
        ),
        route(
            hub, "POST", "/v1/deliveries/{id}:redeliver", SUBSCRIPTIONS["RedeliverDelivery"],
            one("delivery"), say("Send it again, whatever its state."),
        ),
    ]  # fmt: skip
