"""Serve webhooks and their deliveries."""

from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import REPLAYS, SUBSCRIPTIONS
from gateway.routing import Route

_MEMBERS = (
    "name", "url", "event_types", "object", "filter", "payload", "headers", "ordered", "rate_limit",
    "coalesce_seconds",
)  # fmt: skip


def routes(hub: Hub) -> list[Route]:
    base, path = "/v1/webhooks", "/v1/webhooks/{id}"
    create = SUBSCRIPTIONS["CreateSubscription"]
    update = SUBSCRIPTIONS["UpdateSubscription"]
    replay, recover = REPLAYS["ReplayEvents"], REPLAYS["RecoverDeliveries"]
    webhook, rotate = one("subscription"), SUBSCRIPTIONS["RotateSecret"]

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
            hub, "POST", f"{path}:rotateSecret", rotate, whole(),
            say("Make a new secret; both sign for 24 hours, or with `end_old` the new one alone.",
                {"end_old": True}),
            body=body(rotate, ("end_old",), required=False),
        ),
        route(
            hub, "POST", f"{path}:replay", replay, one("replay"),
            say("Send events of the log again; `dry_run` counts them.",
                {"from_time": "2026-01-01T00:00:00Z", "types": ["record.updated"]}),
            params={"id": "subscription_id"},
            body=body(replay, ("from_time", "to_time", "after_position", "types", "dry_run",
                               "rate"), required=False),
        ),
        route(
            hub, "POST", f"{path}:recover", recover, one("replay"),
            say("Send what it missed since a time.", {"from_time": "2026-01-01T00:00:00Z"}),
            params={"id": "subscription_id"},
            body=body(recover, ("from_time", "dry_run", "rate")),
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
