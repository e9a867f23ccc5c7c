"""Serve what happened to a node, and people's comments on it."""

from gateway.binding import Details, body, one, page, route
from gateway.hub import Hub
from gateway.planes import TIMELINE
from gateway.routing import Route

_NODE = {"kind": "company", "id": "0199c0de-0000-7000-8000-000000000001"}
_LISTED = {"type": "types", "page_size": "page_size", "page_token": "page_token"}


def routes(hub: Hub) -> list[Route]:
    listed, comment = TIMELINE["ListTimeline"], TIMELINE["CreateComment"]

    def say(summary: str, example: object = None, operation: str = "") -> Details:
        return Details("timeline", summary, example, operation)

    return [
        route(
            hub, "GET", "/v1/timeline", listed, page("items"),
            say("List what happened to a node, newest first."),
            query={"kind": "target.kind", "id": "target.id"} | _LISTED,
        ),
        route(
            hub, "GET", "/v1/objects/{object}/records/{id}/timeline", listed, page("items"),
            say("List what happened to a record.", operation="listRecordTimeline"), query=_LISTED,
            params={"object": "target.kind", "id": "target.id"},
        ),
        route(
            hub, "POST", "/v1/comments", comment, one("item", status=201, located=False),
            say("Add a comment to a node's timeline.", {"target": _NODE, "text": "Well done."}),
            body=body(comment, ("target", "text")),
        ),
    ]  # fmt: skip
