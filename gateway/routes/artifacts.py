"""Serve notes and todos."""

from dataclasses import dataclass
from typing import Any

from gateway.binding import Details, body, nothing, one, page, route
from gateway.hub import Hub
from gateway.planes import NOTES, TODOS, Service
from gateway.routing import Route

_NODE = {"kind": "company", "id": "0199c0de-0000-7000-8000-000000000001"}
_PAGED = {"page_size": "page_size", "page_token": "page_token"}
_TARGET = {"kind": "target.kind", "id": "target.id"}


@dataclass(frozen=True)
class _Noun:
    name: str
    service: Service
    members: tuple[str, ...]
    filters: tuple[str, ...]
    example: Any
    change: Any


_NOUNS = (
    _Noun(
        "note", NOTES, ("title", "body", "pinned", "targets"), ("query",),
        {"title": "Call with Ada", "body": "She likes it.", "targets": [_NODE]},
        {"pinned": True},
    ),
    _Noun(
        "todo", TODOS,
        ("title", "body", "status", "due", "priority", "assignees", "position", "targets"),
        ("status", "due_before"),
        {"title": "Send the offer", "due": "2026-12-01", "targets": [_NODE]},
        {"status": "done"},
    ),
)  # fmt: skip


def routes(hub: Hub) -> list[Route]:
    return [found for noun in _NOUNS for found in _of(hub, noun)]


def _of(hub: Hub, noun: _Noun) -> list[Route]:
    word, title = noun.name, noun.name.capitalize()
    base = f"/v1/{word}s"
    path = f"{base}/{{id}}"
    create, update = noun.service[f"Create{title}"], noun.service[f"Update{title}"]
    listed = noun.service[f"List{title}s"]
    filters = {name: name for name in noun.filters} | _PAGED
    resource = one(word, etag=True)

    def say(summary: str, example: object = None, operation: str = "") -> Details:
        return Details(f"{word}s", summary, example, operation)

    return [
        route(
            hub, "GET", base, listed, page(f"{word}s"),
            say(f"List the {word}s of a node, or your own, newest first."),
            query=_TARGET | filters,
        ),
        route(
            hub, "GET", f"/v1/objects/{{object}}/records/{{id}}/{word}s", listed, page(f"{word}s"),
            say(f"List the {word}s of a record.", operation=f"listRecord{title}s"), query=filters,
            params={"object": "target.kind", "id": "target.id"},
        ),
        route(
            hub, "POST", base, create, one(word, etag=True, status=201),
            say(f"Store a {word} on its targets.", noun.example),
            body=body(create, ("id", *noun.members), into=word),
        ),
        route(hub, "GET", path, noun.service[f"Get{title}"], resource, say(f"Get a {word}.")),
        route(
            hub, "PATCH", path, update, resource,
            say(f"Change a {word}; targets are replaced as a whole.", noun.change),
            body=body(update, noun.members, into="changes", mask=True),
        ),
        route(
            hub, "DELETE", path, noun.service[f"Delete{title}"], nothing(),
            say(f"Remove a {word}."),
        ),
    ]  # fmt: skip
