"""Find the route of a request by walking its path once, whatever the number of routes.

A path is literal segments and parameters; its last segment may end in a verb after a colon
(`records:query`, `{id}:undelete`). Segments are split before they are decoded, so that an encoded
slash or colon in a name stays in the name.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from gateway.errors import NOWHERE, Places, Refused
from gateway.replies import Reply, Stream

if TYPE_CHECKING:
    from gateway.exchange import Exchange

Handler = Callable[["Exchange"], Awaitable[Reply | Stream]]


@dataclass(frozen=True)
class Parameter:
    """A query parameter, as the documents describe it."""

    name: str
    schema: Mapping[str, Any]
    repeated: bool = False
    required: bool = False


@dataclass(frozen=True)
class Route:
    """One method on one path: who answers it, and what the documents say of it."""

    method: str
    path: str
    handler: Handler
    operation: str  # unique: the operationId
    summary: str
    tag: str
    places: Places = NOWHERE
    query: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = None  # JSON Schema; None where no body is taken
    body_type: str = "application/json"
    example: Any = None  # of the body
    reply: Mapping[str, Any] | None = None  # JSON Schema of the body answered
    status: int = 200
    reply_type: str = "application/json"
    needs_credentials: bool = True
    rpc: str = ""
    timeout: str = "read"  # read, write or none

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(s.split("}")[0][1:] for s in self.path.split("/") if s.startswith("{"))


@dataclass
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    # What ends here, by verb ("" for none) and method.
    routes: dict[str, dict[str, Route]] = field(default_factory=dict)


class Routes:
    """All routes, as a tree of segments."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.all = tuple(routes)
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node, verb = self._root, ""
        segments = route.path.strip("/").split("/")
        for number, segment in enumerate(segments, start=1):
            name = segment
            if number == len(segments):
                name, _, verb = segment.partition(":")
            if name.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(name, _Node())
        methods = node.routes.setdefault(verb, {})
        if route.method in methods:
            raise ValueError(f"{route.method} {route.path} is there twice")
        methods[route.method] = route

    def find(self, method: str, raw_path: bytes) -> tuple[Route, list[str]]:
        """The route and the values of its path's parameters; 404, 405 or 400 as Refused."""
        node, values = self._root, []
        segments = raw_path.decode("latin-1").strip("/").split("/")
        last = segments.pop()
        for segment in segments:
            inner = node.literals.get(segment)
            if inner is None:
                inner = node.parameter
                if inner is None:
                    raise _unknown()
                values.append(_decoded(segment))
            node = inner
        name, _, verb = last.rpartition(":")
        if not name:
            name, verb = last, ""
        inner = node.literals.get(name)
        if inner is None or verb not in inner.routes:
            inner = node.parameter
            if inner is None or verb not in inner.routes:
                raise _unknown()
            values.append(_decoded(name))
        methods = inner.routes[verb]
        route = methods.get(method)
        if route is None and method == "HEAD":
            route = methods.get("GET")
        if route is None:
            raise _not_allowed(methods)
        return route, values


def allowed(methods: Mapping[str, Route]) -> bytes:
    names = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return ", ".join(sorted(names)).encode()


def _unknown() -> Refused:
    return Refused(
        404, "ROUTE_NOT_FOUND", "there is nothing at this address; /docs lists what there is"
    )


def _not_allowed(methods: Mapping[str, Route]) -> Refused:
    allow = allowed(methods)
    return Refused(
        405,
        "METHOD_NOT_ALLOWED",
        f"this address takes {allow.decode()}",
        headers=[(b"allow", allow)],
    )


def _decoded(segment: str) -> str:
    if not segment:
        raise _unknown()
    if "%" not in segment and segment.isascii():
        return segment
    try:
        text = unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise _bad_path("must be UTF-8") from None
    if "\0" in text:
        raise _bad_path("must not hold NUL")
    return text


def _bad_path(why: str) -> Refused:
    return Refused(400, "PATH_INVALID", f"a part of the path {why}")
