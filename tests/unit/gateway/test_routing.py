"""Finding routes: literals before parameters, verbs, and what is refused."""

import pytest

from gateway.errors import Refused
from gateway.exchange import Exchange
from gateway.replies import Reply
from gateway.routing import Route, Routes


async def nothing(_exchange: Exchange) -> Reply:
    return Reply(204)


def routes(*lines: str) -> Routes:
    made = []
    for line in lines:
        method, path = line.split()
        made.append(Route(method, path, nothing, line, "", "test"))
    return Routes(made)


ALL = routes(
    "GET /v1/things", "POST /v1/things", "POST /v1/things:query", "GET /v1/things/{id}",
    "POST /v1/things/{id}:undo", "GET /v1/things/special", "GET /v1/{kind}/{id}/links",
)  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "found", "values"),
    [
        ("GET", "/v1/things", "GET /v1/things", []),
        ("GET", "/v1/things/", "GET /v1/things", []),
        ("POST", "/v1/things:query", "POST /v1/things:query", []),
        ("GET", "/v1/things/7", "GET /v1/things/{id}", ["7"]),
        ("HEAD", "/v1/things/7", "GET /v1/things/{id}", ["7"]),
        ("POST", "/v1/things/7:undo", "POST /v1/things/{id}:undo", ["7"]),
        ("GET", "/v1/things/special", "GET /v1/things/special", []),
        ("GET", "/v1/notes/7/links", "GET /v1/{kind}/{id}/links", ["notes", "7"]),
        ("GET", "/v1/things/a%2Fb%3Ac%C3%A4", "GET /v1/things/{id}", ["a/b:cä"]),
    ],
)
def test_found(method: str, path: str, found: str, values: list[str]) -> None:
    route, got = ALL.find(method, path.encode())
    assert (route.operation, got) == (found, values)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/things/7:redo", 404),
        ("GET", "/v1/things:query", 405),
        ("DELETE", "/v1/things/7", 405),
        ("GET", "/v1/things/%ff", 400),
        ("GET", "/v1/things/%00", 400),
        ("GET", "/v1//7/links", 404),
    ],
)
def test_refused(method: str, path: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        ALL.find(method, path.encode())
    assert caught.value.status == status


def test_two_routes_at_one_address_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="there twice"):
        routes("GET /v1/a/{x}", "GET /v1/a/{y}")
