"""Serve the log of everything that changed, and what could not be done about it."""

from gateway.binding import Details, body, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import DEAD_LETTERS, EVENTS, REPLAYS
from gateway.routing import Route

FILTER = {
    "type": "filter.types",
    "object": "filter.object",
    "aggregate_id": "filter.aggregate_id",
    "actor_id": "filter.actor_id",
    "trace_id": "filter.trace_id",
    "root_id": "filter.root_id",
    "from_time": "filter.from_time",
    "to_time": "filter.to_time",
}
LETTER_FILTER = {
    "kind": "filter.kind",
    "event_type": "filter.event_type",
    "webhook_id": "filter.subscription_id",
    "from_time": "filter.from_time",
    "to_time": "filter.to_time",
    "reason": "filter.reason",
}
_PAGED = {"page_size": "page_size", "page_token": "page_token"}


def routes(hub: Hub) -> list[Route]:
    discard = DEAD_LETTERS["DiscardDeadLetter"]
    replay_letters = REPLAYS["ReplayDeadLetters"]
    letter, replay = one("dead_letter"), one("replay")
    base = "/v1/dead-letters"

    def events(summary: str) -> Details:
        return Details("events", summary)

    def letters(summary: str, example: object = None) -> Details:
        return Details("dead letters", summary, example)

    return [
        route(
            hub, "GET", "/v1/events", EVENTS["ListEvents"], page("events"),
            events("List events in log order, or newest first."),
            query=FILTER | {"newest_first": "newest_first"} | _PAGED,
        ),
        route(
            hub, "GET", "/v1/events/{id}", EVENTS["GetEvent"], one("event"),
            events("Get an event."),
        ),
        route(
            hub, "GET", "/v1/events/{id}/causality", EVENTS["GetCausality"], whole(),
            events("Show what caused what around an event."), params={"id": "event_id"},
        ),
        route(
            hub, "GET", "/v1/records/{id}/causality", EVENTS["GetCausality"], whole(),
            Details("events", "Show what caused what around a record.",
                    operation="GetCausalityOfRecord"), params={"id": "record_id"},
        ),
        route(
            hub, "GET", "/v1/runs/{id}/causality", EVENTS["GetCausality"], whole(),
            Details("events", "Show what caused what around a run.",
                    operation="GetCausalityOfRun"), params={"id": "run_id"},
        ),
        route(
            hub, "GET", base, DEAD_LETTERS["ListDeadLetters"], page("dead_letters"),
            letters("List what could not be done, newest first."),
            query=LETTER_FILTER | {"state": "state"} | _PAGED,
        ),
        route(
            hub, "GET", f"{base}/{{id}}", DEAD_LETTERS["GetDeadLetter"], letter,
            letters("Get a dead letter."),
        ),
        route(
            hub, "POST", f"{base}/{{id}}:replay", DEAD_LETTERS["ReplayDeadLetter"], letter,
            letters("Do it again; its effect still happens once."),
        ),
        route(
            hub, "POST", f"{base}:replay", replay_letters, replay,
            letters("Do all again that a filter selects; `dry_run` counts them.",
                    {"filter": {"kind": "delivery"}, "dry_run": True}),
            body=body(replay_letters, ("filter", "dry_run", "rate"), required=False),
        ),
        route(
            hub, "POST", f"{base}/{{id}}:discard", discard, letter,
            letters("Settle it without doing it.", {"reason": "the receiver is gone"}),
            body=body(discard, ("reason",)),
        ),
        route(
            hub, "GET", "/v1/replays", REPLAYS["ListReplays"], page("replays"),
            Details("replays", "List replays, newest first."), query=_PAGED,
        ),
        route(
            hub, "GET", "/v1/replays/{id}", REPLAYS["GetReplay"], replay,
            Details("replays", "Get a replay and how far it is."),
        ),
        route(
            hub, "POST", "/v1/replays/{id}:cancel", REPLAYS["CancelReplay"], replay,
            Details("replays", "End a replay; what it has done stays done."),
        ),
    ]  # fmt: skip
