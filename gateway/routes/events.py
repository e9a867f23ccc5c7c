"""Serve the log of everything that changed, and what could not be done about it."""

from gateway.binding import Details, body, one, page, route
from gateway.hub import Hub
from gateway.planes import DEAD_LETTERS, EVENTS
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
_PAGED = {"page_size": "page_size", "page_token": "page_token"}


def routes(hub: Hub) -> list[Route]:
    discard = DEAD_LETTERS["DiscardDeadLetter"]
    letter = one("dead_letter")
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
            hub, "GET", base, DEAD_LETTERS["ListDeadLetters"], page("dead_letters"),
            letters("List what could not be done, newest first."),
            query={"state": "state"} | _PAGED,
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
            hub, "POST", f"{base}/{{id}}:discard", discard, letter,
            letters("Settle it without doing it.", {"reason": "the receiver is gone"}),
            body=body(discard, ("reason",)),
        ),
    ]  # fmt: skip
