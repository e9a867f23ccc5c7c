"""Serve exports and imports: documents of any size, never held as a whole."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from armature.records.v1 import tabular_pb2

from gateway import json_in, json_out
from gateway.binding import CACHE, Details, Query, body, one, page, route
from gateway.errors import Refused
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import choices_of, kind_of
from gateway.openapi import shapes
from gateway.planes import EXPORTS, IMPORTS, Rpc
from gateway.replies import Headers, Reply, Stream, json_reply
from gateway.routes.queries import read_body, set_filter
from gateway.routing import Route
from kit import ids

_BASE = "/v1/objects/{object}/records"
_PIECE = 1024 * 1024
_CSV = tabular_pb2.TABULAR_FORMAT_CSV
_NDJSON = tabular_pb2.TABULAR_FORMAT_NDJSON
_TYPES = {_NDJSON: b"application/x-ndjson"}
_FORMATS = {
    b"text/csv": _CSV,
    b"application/x-ndjson": _NDJSON,
    b"application/ndjson": _NDJSON,
    b"application/jsonl": _NDJSON,
}
_CONTENT = {"type": "string", "format": "binary"}


def routes(hub: Hub) -> list[Route]:
    return [*_exports(hub), *_imports(hub)]


def _say(summary: str, example: Any = None, operation: str = "") -> Details:
    return Details("imports", summary, example, operation)


# --- exports ---


def _exports(hub: Hub) -> list[Route]:
    rpc = EXPORTS["ExportRecords"]
    query = Query(
        rpc,
        {
            **{n: n for n in ("view", "sort", "fields", "raw_formulas", "show_deleted")},
            "time_zone": "selection.time_zone",
            "week_start": "selection.week_start",
        },
    )
    query.add("filter", set_filter, {"type": "string", "description": "JSON or text form"})
    _add_choice(query, rpc, "format")
    taken = read_body(rpc, "view", "format", "raw_formulas", "show_deleted")

    def handler(takes_body: bool) -> Any:
        async def export(exchange: Exchange) -> Stream:
            request = rpc.request()
            request.object = exchange.values[0]
            query.fill(request, exchange.query)
            if takes_body:
                await _fill(exchange, request, taken.members)
            request.at_version = max(exchange.at_version(), hub.versions.of(exchange.credential))
            headers = hub.headers(exchange)
            answers = hub.planes.stream(rpc, request, headers)
            first = await anext(answers)  # a refusal comes as a problem, before the reply begins
            kind = _TYPES.get(request.format, b"text/csv; charset=utf-8")
            name = "ndjson" if request.format == _NDJSON else "csv"
            shown: Headers = [
                (b"cache-control", b"no-store"),
                (b"content-disposition", b'attachment; filename="records.%s"' % name.encode()),
                (b"x-metadata-version", b"%d" % first.metadata_version),
            ]
            return Stream(_chunks(first, answers), kind, shown, whole=True)

        return export

    made = []
    for method, by in (("GET", ""), ("POST", "ByQuery")):
        made.append(
            Route(
                method=method,
                path=f"{_BASE}:export",
                handler=handler(method == "POST"),
                operation=f"exportRecords{by}",
                summary="Export what a filter or view selects, as CSV or NDJSON, as a stream.",
                tag="records",
                query=tuple(query.parameters),
                body=taken.schema if method == "POST" else None,
                example={"filter": {"stage": "won"}, "format": "csv"} if method == "POST" else None,
                reply={"type": "string"},
                reply_type="text/csv",
                rpc=rpc.name,
                timeout="none",
            )
        )
    return made


async def _fill(exchange: Exchange, request: Any, members: json_in.Members) -> None:
    if data := await exchange.json_body():
        json_in.fill(request, data, members)


async def _chunks(first: Any, answers: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    try:
        yield first.chunk
        async for answer in answers:
            yield answer.chunk
    finally:
        await answers.aclose()  # type: ignore[attr-defined] # it is a generator


def _add_choice(query: Query, rpc: Rpc, name: str) -> None:
    """A parameter that is one of an enumeration's values, in lower case."""
    known = json_out.enum_names(choices_of(rpc.input.fields_by_name[name]))
    numbers = {text: number for number, text in known.items() if text}

    def put(message: Any, text: str) -> None:
        if text not in numbers:
            raise ValueError(f"must be one of {', '.join(numbers)}")
        setattr(message, name, numbers[text])

    query.add(name, put, {"enum": list(numbers)})


# --- imports ---


def _imports(hub: Hub) -> list[Route]:
    create, upload = IMPORTS["CreateImport"], IMPORTS["UploadImport"]
    errors = IMPORTS["ListImportErrors"]
    resource = one("import")
    some = {
        "object": "opportunity",
        "format": "csv",
        "mapping": {"Deal": "name", "Value": "amount.amount"},
        "match": ["code"],
        "dry_run": True,
    }
    named = ("object", "format", "mapping", "match", "mode", "dry_run", "clear_empty")
    return [
        _direct(hub, create, upload),
        route(
            hub, "POST", "/v1/imports", create, one("import", status=201),
            _say("Open an import, to send its content in pieces.", some),
            body=body(create, (*named, "ignore_unknown")),
        ),
        _upload(hub, upload),
        route(
            hub, "GET", "/v1/imports", IMPORTS["ListImports"], page("imports"),
            _say("List imports, newest first."), query=("page_size", "page_token"),
        ),
        route(
            hub, "GET", "/v1/imports/{id}", IMPORTS["GetImport"], resource,
            _say("Get an import with its progress and counts."),
        ),
        route(
            hub, "GET", "/v1/imports/{id}/errors", errors, page("errors"),
            _say("List refused rows: line, column, code, message."),
            query=("page_size", "page_token"),
        ),
        route(
            hub, "POST", "/v1/imports/{id}:cancel", IMPORTS["CancelImport"], resource,
            _say("Stop an import; what it wrote stays."),
        ),
        route(
            hub, "POST", "/v1/imports/{id}:undo", IMPORTS["UndoImport"], resource,
            _say("Take back what an import wrote, but for what changed since."),
        ),
    ]  # fmt: skip


def _direct(hub: Hub, create: Rpc, upload: Rpc) -> Route:
    query = Query(create, ("dry_run", "clear_empty", "ignore_unknown"))
    _add_choice(query, create, "mode")
    query.add("match", _set_match, {"type": "string", "description": "unique fields, or id"})
    query.add(
        "mapping",
        _set_mapping,
        {"type": "string", "description": 'JSON: {"Column": "field.part", "Unwanted": ""}'},
    )

    async def take_in(exchange: Exchange) -> Reply:
        request = create.request()
        query.fill(request, exchange.query)
        request.object = exchange.values[0]
        request.format = _format(exchange)
        request.request_id = exchange.request_id()
        request.at_version = max(exchange.at_version(), hub.versions.of(exchange.credential))
        made = getattr(await hub.call(exchange, create, request), "import")
        offset, answer = 0, made
        async for piece, last in exchange.pieces(_PIECE):
            sent = upload.request(
                id=made.id, offset=offset, data=piece, last=last, request_id=str(ids.new_id())
            )
            answer = getattr(await hub.call(exchange, upload, sent), "import")
            offset += len(piece)
        return _accepted(upload, answer)

    return Route(
        method="POST",
        path=f"{_BASE}:import",
        handler=take_in,
        operation="importRecords",
        summary="Import a CSV or NDJSON document of any size; the rest is at /v1/imports/{id}.",
        tag="records",
        query=tuple(query.parameters),
        body=_CONTENT,
        body_type="text/csv",
        example="name,amount.amount,stage\nAcme renewal,1200.00,won\n",
        reply=shapes.output_of_field(upload.output, "import", ()),
        status=202,
        rpc=create.name,
        timeout="none",
    )


def _upload(hub: Hub, rpc: Rpc) -> Route:
    query = Query(rpc, ("offset", "last"))

    async def take(exchange: Exchange) -> Reply:
        request = rpc.request()
        query.fill(request, exchange.query)
        request.id = exchange.values[0]
        request.request_id = exchange.request_id()
        request.data = await exchange.body()
        response = await hub.call(exchange, rpc, request)
        return _accepted(rpc, getattr(response, "import"))

    return Route(
        method="POST",
        path="/v1/imports/{id}:upload",
        handler=take,
        operation="uploadImport",
        summary="Send a piece of an import's content; after the last it begins.",
        tag="imports",
        query=tuple(query.parameters),
        body=_CONTENT,
        body_type="application/octet-stream",
        example="name,amount.amount,stage\nAcme renewal,1200.00,won\n",
        reply=shapes.output_of_field(rpc.output, "import", ()),
        status=202,
        rpc=rpc.name,
        timeout="none",
    )


def _accepted(rpc: Rpc, found: Any) -> Reply:
    encode = json_out.encoder(kind_of(rpc.output.fields_by_name["import"]))
    location = (b"location", b"/v1/imports/%s" % found.id.encode())
    return json_reply(202, encode(found), [CACHE, location])


def _format(exchange: Exchange) -> int:
    given = exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    found = _FORMATS.get(given)
    if found is None:
        raise Refused(
            415,
            "CONTENT_TYPE_UNSUPPORTED",
            "send text/csv or application/x-ndjson",
            headers=[(b"accept", b"text/csv, application/x-ndjson")],
        )
    return found


def _set_match(message: Any, text: str) -> None:
    message.match.extend(name.strip() for name in text.split(",") if name.strip())


def _set_mapping(message: Any, text: str) -> None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise ValueError("must be a JSON object of field paths by column")
    for column, path in found.items():
        message.mapping[column] = path
