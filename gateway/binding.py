"""Bind a route to an RPC: path, query, headers and body into its request, its answer into a reply.

Everything that can be known of a route is worked out once, when the gateway starts; a request
walks prepared lists.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway import json_in, json_out
from gateway.errors import Places
from gateway.exchange import Exchange, bad_header, bad_parameter
from gateway.hub import Hub
from gateway.json_in import Members
from gateway.openapi import shapes
from gateway.planes import Rpc
from gateway.replies import Headers, Reply, json_reply
from gateway.routing import Handler, Parameter, Route
from schema.problems import nearest

Pack = Callable[[Exchange, Any], Reply]
SetText = Callable[[Any, str], None]
Finish = Callable[[Exchange, Any], Awaitable[None]]

_F = FieldDescriptor
# Nothing is stored between a browser and us but what it can check with us again.
CACHE = (b"cache-control", b"private, no-cache")
_SECRET = (b"cache-control", b"no-store")
_SHOWN_ONCE = {"secret", "webhook_secret", "hook_url", "api_key", "upload_url"}
_MAX_INT = {_F.TYPE_INT32: 2**31 - 1, _F.TYPE_INT64: 2**63 - 1}


@dataclass(frozen=True)
class Body:
    """What a route takes as its body."""

    members: Members
    into: str = ""  # the request's field that the members belong to; the request itself
    mask: bool = False  # name the members given in update_mask
    schema: Mapping[str, Any] | None = None
    whole: str = ""  # the request's field that takes the body as it is
    required: bool = True
    beside: Members = field(default_factory=dict)  # members of the request itself, beside `into`


@dataclass(frozen=True)
class Answer:
    """How a response becomes a reply."""

    pack: Callable[[Rpc], Pack]
    schema: Callable[[Rpc], Mapping[str, Any] | None]
    status: int = 200


def body(
    rpc: Rpc,
    names: Sequence[str],
    *,
    into: str = "",
    mask: bool = False,
    extra: Members | None = None,
    extra_schema: Mapping[str, Any] | None = None,
    required: bool = True,
    beside: Sequence[str] = (),
) -> Body:
    """A body of those members of the request, or of its field `into`; with `extra` ones of the
    route's own making, and with members of the request `beside` those of `into`."""
    kind = json_in.kind_of(rpc.input.fields_by_name[into]) if into else rpc.input
    found = json_in.members(kind, names) | dict(extra or {})
    shown = shapes.input_object(rpc.input, beside)["properties"] | dict(extra_schema or {})
    schema = shapes.input_object(kind, names, shown)
    others = json_in.members(rpc.input, beside)
    return Body(found, into, mask, schema, required=required, beside=others)


def one(
    field: str, *extras: str, etag: bool = False, status: int = 200, located: bool = True
) -> Answer:
    """The resource itself, with further fields of the response (secrets) beside its own. A 201
    says where the resource is, unless it is not `located` under the address it was made at."""

    def pack(rpc: Rpc) -> Pack:
        encode = json_out.encoder(json_in.kind_of(rpc.output.fields_by_name[field]))
        more = [(name, json_out.reader(rpc.output.fields_by_name[name])) for name in extras]
        says_where = status == 201 and located
        caching = _SECRET if _SHOWN_ONCE.intersection(extras) else CACHE

        def build(exchange: Exchange, response: Any) -> Reply:
            message = getattr(response, field)
            headers: Headers = [caching]
            if etag:
                version = b'"%d"' % message.version
                headers.append((b"etag", version))
                if exchange.method in {"GET", "HEAD"} and exchange.none_match(version):
                    return Reply(304, b"", b"", headers)
            found = encode(message)
            for name, read in more:
                found[name] = read(response, name)
            if says_where and (id_ := found.get("id")):
                headers.append((b"location", location(exchange, id_)))
            return json_reply(status, found, headers)

        return build

    def schema(rpc: Rpc) -> Mapping[str, Any]:
        return shapes.output_of_field(rpc.output, field, extras)

    return Answer(pack, schema, status)


def location(exchange: Exchange, name: str) -> bytes:
    return exchange.raw_path.rstrip(b"/") + b"/" + quote(name, safe="").encode()


def page(field: str, *, encode: json_out.Encode | None = None) -> Answer:
    """One page of a listing: `data`, `next_page_token`, and the way to the next as a Link."""

    def pack(rpc: Rpc) -> Pack:
        each = encode or json_out.encoder(json_in.kind_of(rpc.output.fields_by_name[field]))

        def build(exchange: Exchange, response: Any) -> Reply:
            token = response.next_page_token
            found = {
                "data": [each(m) for m in getattr(response, field)],
                "next_page_token": token,
            }
            return json_reply(200, found, page_headers(exchange, token))

        return build

    def schema(rpc: Rpc) -> Mapping[str, Any]:
        return shapes.page_of(rpc.output, field)

    return Answer(pack, schema)


def page_headers(exchange: Exchange, token: str) -> Headers:
    headers: Headers = [CACHE]
    if token and exchange.method == "GET":
        kept = [(n, v) for n, v in exchange.query if n not in {"page_token", "skip"}]
        query = urlencode([*kept, ("page_token", token)]).encode()
        headers.append((b"link", b'<%s?%s>; rel="next"' % (exchange.raw_path, query)))
    return headers


def whole(status: int = 200) -> Answer:
    """Every field of the response but the metadata version, which is a header."""

    def pack(rpc: Rpc) -> Pack:
        encode = json_out.encoder(rpc.output)
        caching = _SECRET if _SHOWN_ONCE.intersection(rpc.output.fields_by_name) else CACHE

        def build(_exchange: Exchange, response: Any) -> Reply:
            found = dict(encode(response))
            found.pop("metadata_version", None)
            return json_reply(status, found, [caching])

        return build

    return Answer(pack, lambda rpc: shapes.output_of(rpc.output, ("metadata_version",)), status)


def nothing() -> Answer:
    """204: it is done, and there is nothing to show."""

    def pack(_rpc: Rpc) -> Pack:
        return lambda _exchange, _response: Reply(204, b"", b"", [CACHE])

    return Answer(pack, lambda _rpc: None, 204)


def custom(pack: Pack, schema: Mapping[str, Any] | None, status: int = 200) -> Answer:
    return Answer(lambda _rpc: pack, lambda _rpc: schema, status)


def set_text(descriptor: Descriptor, path: str) -> tuple[SetText, FieldDescriptor]:
    """What writes a text of the path or query into the request's field; ValueError says why not."""
    head, _, rest = path.partition(".")
    field = descriptor.fields_by_name[head]
    if rest:
        inner, leaf = set_text(json_in.kind_of(field), rest)
        return (lambda message, text: inner(getattr(message, head), text)), leaf
    if field.is_repeated:
        return (lambda message, text: getattr(message, head).append(text)), field
    if field.type == _F.TYPE_STRING:
        return (lambda message, text: setattr(message, head, text)), field
    if field.type == _F.TYPE_BOOL:
        return (lambda message, text: setattr(message, head, _boolean(text))), field
    if field.type in _MAX_INT:
        most = _MAX_INT[field.type]
        return (lambda message, text: setattr(message, head, _integer(text, most))), field
    if field.type == _F.TYPE_MESSAGE:
        return (
            lambda message, text: getattr(message, head).FromDatetime(json_in.read_time(text))
        ), field
    raise NotImplementedError(f"{field.full_name} is of a type that no query has")


def _boolean(text: str) -> bool:
    if text in {"true", "1"}:
        return True
    if text in {"false", "0"}:
        return False
    raise ValueError("must be true or false")


def _integer(text: str, most: int) -> int:
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 19:
        value = int(text)
        if -most - 1 <= value <= most:
            return value
    raise ValueError(f"must be a whole number of at most {most}")


class Query:
    """The query parameters that a route takes, and where each goes."""

    def __init__(self, rpc: Rpc, names: Sequence[str] | Mapping[str, str]) -> None:
        self.fields = dict(names) if isinstance(names, Mapping) else {n: n for n in names}
        self._setters: dict[str, SetText] = {}
        self._repeated: set[str] = set()
        self.parameters: list[Parameter] = []
        for name, path in self.fields.items():
            setter, leaf = set_text(rpc.input, path)
            self._setters[name] = setter
            if leaf.is_repeated:
                self._repeated.add(name)
            schema = shapes.input_value(leaf, one_of_many=True)
            self.parameters.append(Parameter(name, schema, repeated=bool(leaf.is_repeated)))

    def add(self, name: str, setter: SetText, schema: Mapping[str, Any]) -> None:
        """A parameter of the route's own making."""
        self._setters[name] = setter
        self.parameters.append(Parameter(name, schema))

    def fill(self, message: Any, given: Sequence[tuple[str, str]]) -> None:
        """Write the parameters into the request; 400 / QUERY_INVALID names the first bad one."""
        seen: set[str] = set()
        for name, text in given:
            setter = self._setters.get(name)
            if setter is None:
                hint = nearest(name[:100], self._setters)
                raise bad_parameter(
                    name[:100], "UNKNOWN_PARAMETER", f"there is no parameter {name[:100]!r}{hint}"
                )
            if name in seen and name not in self._repeated:
                raise bad_parameter(name, "REPEATED", f"{name} is given twice")
            seen.add(name)
            try:
                setter(message, text)
            except ValueError as exc:
                raise bad_parameter(name, "INVALID", f"{name} {exc}") from None


@dataclass(frozen=True)
class Details:
    """What the documents say of a route."""

    tag: str
    summary: str
    example: Any = None
    operation: str = ""


def route(
    hub: Hub,
    method: str,
    path: str,
    rpc: Rpc,
    answer: Answer,
    details: Details,
    *,
    body: Body | None = None,
    query: Sequence[str] | Mapping[str, str] | Query = (),
    params: Mapping[str, str] | None = None,
    finish: Finish | None = None,
    match_required: bool = False,
) -> Route:
    """The route of an RPC. `params` says which request field each path parameter goes to where
    their names differ; `finish` may complete the request before it is sent."""
    asked = query if isinstance(query, Query) else Query(rpc, query)
    names = tuple(s.split("}")[0][1:] for s in path.split("/") if s.startswith("{"))
    targets = [(params or {}).get(name, name) for name in names]
    setters = [set_text(rpc.input, target)[0] for target in targets]
    return Route(
        method=method,
        path=path,
        handler=_handler(hub, rpc, answer, asked, setters, body, finish, match_required),
        operation=details.operation or _operation(rpc),
        summary=details.summary,
        tag=details.tag,
        places=places_of(asked, dict(zip(targets, names, strict=True)), body),
        query=tuple(asked.parameters),
        body=body.schema if body else None,
        example=details.example,
        reply=answer.schema(rpc),
        status=answer.status,
        rpc=rpc.name,
        timeout="write" if rpc.mutates else "read",
    )


def _operation(rpc: Rpc) -> str:
    name = rpc.descriptor.name
    return name[0].lower() + name[1:]


def places_of(query: Query, path: Mapping[str, str], taken: Body | None = None) -> Places:
    """Parameters are known by their whole path, and by its first and last part alone."""
    wrappers = {"selection"}
    if taken and taken.into:
        wrappers.add(taken.into)
    names = {p.name: p.name for p in query.parameters}
    for name, target in query.fields.items():
        head, _, _ = target.partition(".")
        names.setdefault(head, name)
        names.setdefault(target.rpartition(".")[2], name)
        names[target] = name
    return Places(frozenset(wrappers), names, path)


def _handler(
    hub: Hub,
    rpc: Rpc,
    answer: Answer,
    query: Query,
    setters: Sequence[SetText],
    taken: Body | None,
    finish: Finish | None,
    match_required: bool,
) -> Handler:
    fields = rpc.input.fields_by_name
    new_request = rpc.request
    pack = answer.pack(rpc)
    has_request_id = "request_id" in fields
    has_etag = "etag" in fields
    has_version = "at_version" in fields
    answers_version = "metadata_version" in rpc.output.fields_by_name
    takes_no_body = taken is None and rpc.mutates
    makes_versions = answers_version and rpc.mutates and rpc.plane == "metadata"

    async def handle(exchange: Exchange) -> Reply:
        request = new_request()
        for setter, text in zip(setters, exchange.values, strict=True):
            setter(request, text)
        if exchange.raw_query:
            query.fill(request, exchange.query)
        if taken is not None:
            await _take_body(exchange, request, taken)
        elif takes_no_body:
            await _take_no_body(exchange)
        if has_request_id:
            request.request_id = exchange.request_id()
        if has_etag:
            _take_etag(exchange, request, match_required)
        elif b"if-match" in exchange.headers and rpc.mutates:
            raise bad_header("HEADER_INVALID", "If-Match", "what this changes has no etag")
        if has_version:
            seen = max(exchange.at_version(), hub.versions.of(exchange.credential))
            if seen:
                request.at_version = seen
        if finish is not None:
            await finish(exchange, request)
        response = await hub.call(exchange, rpc, request)
        reply = pack(exchange, response)
        if answers_version and (version := response.metadata_version):
            reply.headers.append((b"x-metadata-version", b"%d" % version))
            if makes_versions:
                hub.versions.remember(exchange.credential, version)
        return reply

    return handle


async def _take_body(exchange: Exchange, request: Any, taken: Body) -> None:
    data = await exchange.json_body()
    if not data and not taken.required:
        return
    if taken.whole:
        json_in.read_object(data)
        setattr(request, taken.whole, data)
        return
    target = getattr(request, taken.into) if taken.into else request
    if taken.into:
        target.SetInParent()
    if taken.beside:
        inner = {name: json_in.within(taken.into, w) for name, w in taken.members.items()}
        found = json_in.fill(request, data, {**inner, **taken.beside})
        given = [name for name in found if name not in taken.beside]
    else:
        given = json_in.fill(target, data, taken.members)
    if taken.mask:
        documents = {json_in.member_name(f): f.name for f in target.DESCRIPTOR.fields}
        request.update_mask.paths.extend(documents.get(name, name) for name in given)


async def _take_no_body(exchange: Exchange) -> None:
    """Refuse members that nobody would read."""
    if exchange.headers.get(b"content-length", b"0") == b"0" and (
        b"transfer-encoding" not in exchange.headers
    ):
        return
    if data := await exchange.json_body():
        json_in.fill(None, data, {})


def _take_etag(exchange: Exchange, request: Any, required: bool) -> None:
    if required and b"if-match" not in exchange.headers:
        raise match_missing()
    etag = exchange.if_match()
    if etag:
        request.etag = etag


def match_missing() -> Exception:
    error = bad_header(
        "IF_MATCH_REQUIRED",
        "If-Match",
        "replacing a record needs If-Match with the version that was read",
    )
    error.status = 428
    return error
