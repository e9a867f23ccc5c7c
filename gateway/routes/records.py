"""Serve records of any object: the routes that must cost next to nothing themselves."""

from typing import Any

import msgspec

from gateway import json_in, json_out
from gateway.binding import (
    Answer,
    Body,
    Details,
    Query,
    custom,
    location,
    nothing,
    one,
    page_headers,
    route,
)
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import Members, Problems, Writer
from gateway.openapi import shapes
from gateway.openapi.shapes import Shape
from gateway.planes import RECORDS, Rpc
from gateway.replies import Headers, Reply, json_reply
from gateway.routes.replace import replace_route
from gateway.routing import Route

_CACHE = (b"cache-control", b"private, no-cache")
_BASE = "/v1/objects/{object}/records"
_RECORD: Shape = {"$ref": "#/components/schemas/Record"}
_FILTER: Shape = {"$ref": "#/components/schemas/Filter"}
_RESULTS: Shape = {
    "type": "object",
    "properties": {
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/BatchResult"}}
    },
}
_FIELDS: Shape = {"type": "object", "description": "values by field name"}
_NAMES: Shape = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_SELECTION: dict[str, Shape] = {
    "filter": {"oneOf": [_FILTER, {"type": "string"}]},
    "time_zone": {"type": "string"},
    "week_start": {"enum": ["monday", "sunday"]},
}
_STAGE = {"stage": {"in": ["won", "lost"]}}
_DEAL = {"name": "Acme renewal", "stage": "won"}


def _details(summary: str, example: Any = None, operation: str = "") -> Details:
    return Details("records", summary, example, operation)


# --- bodies ---


def _write_filter(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
    """The JSON form as it stands, the text form as a text."""
    document = bytes(raw)
    if document == b"null":
        return
    if document[:1] == b"{":
        message.selection.filter_json = document
        return
    try:
        message.selection.filter_text = json_in.read_text(raw)
    except ValueError:
        problems.append(
            json_in.Violation(at, "WRONG_TYPE", "must be a filter as a JSON object or as a text")
        )


def _set_filter(message: Any, text: str) -> None:
    if text.lstrip()[:1] == "{":
        message.selection.filter_json = text.encode()
    elif text:
        message.selection.filter_text = text


def _selection(rpc: Rpc) -> dict[str, Writer]:
    kind = rpc.input.fields_by_name["selection"].message_type
    inner = json_in.members(kind, ("time_zone", "week_start"))
    found = {name: json_in.within("selection", one) for name, one in inner.items()}
    return found | {"filter": _write_filter}


def _read_body(rpc: Rpc, *names: str, extra: Members | None = None) -> Body:
    """The body of a question: its own members, the selection's, and lists of names as texts."""
    members: dict[str, Writer] = json_in.members(rpc.input, names) | _selection(rpc)
    schema = shapes.input_object(rpc.input, names, _SELECTION)
    for name in ("fields", "sort"):
        if name in rpc.input.fields_by_name:
            members[name] = json_in.comma_writer(name)
            schema["properties"][name] = _NAMES
    members |= dict(extra or {})
    return Body(members, schema=schema, required=False)


def _fields_body(rpc: Rpc, *names: str) -> Body:
    members = json_in.members(rpc.input, names) | {"fields": json_in.object_writer("fields_json")}
    schema = shapes.input_object(rpc.input, names, {"fields": _FIELDS})
    return Body(members, schema=schema)


def _items_body(rpc: Rpc, item: tuple[str, ...], *names: str) -> Body:
    kind = rpc.input.fields_by_name["items"].message_type
    members = json_in.members(kind, item) | {"fields": json_in.object_writer("fields_json")}
    each = shapes.input_object(kind, item, {"fields": _FIELDS})
    items = json_in.list_of("items", json_in.add_message(members))
    found: dict[str, Writer] = json_in.members(rpc.input, names) | {"items": items}
    extra = {"items": {"type": "array", "items": each, "maxItems": 1000}}
    return Body(found, schema=shapes.input_object(rpc.input, names, extra))


def _write_column(message: Any, raw: msgspec.Raw, at: str, problems: Problems) -> None:
    """The key of a column as the board answered it: "won", true, or null."""
    document = bytes(raw)
    message.has_column = True
    if document in {b"null", b"true", b"false"}:
        message.column = document.decode()
        return
    try:
        message.column = json_in.read_text(raw)
    except ValueError as exc:
        problems.append(json_in.Violation(at, "WRONG_TYPE", str(exc)))


# --- answers ---


def _pack_page(exchange: Exchange, response: Any) -> Reply:
    record = json_out.record
    token = response.next_page_token
    found: dict[str, Any] = {
        "data": [record(one) for one in response.records],
        "next_page_token": token,
    }
    if response.HasField("count"):
        found["count"] = response.count
    if response.plan_json:
        found["plan"] = json_out.document(response.plan_json)
    return json_reply(200, found, page_headers(exchange, token))


def _pack_calendar(exchange: Exchange, response: Any) -> Reply:
    token = response.next_page_token
    data = [json_out.record(one) for one in response.records]
    return json_reply(200, {"data": data, "next_page_token": token}, [_CACHE])


def _pack_search(_exchange: Exchange, response: Any) -> Reply:
    return json_reply(200, {"data": [json_out.record(one) for one in response.records]}, [_CACHE])


def _pack_board(_exchange: Exchange, response: Any) -> Reply:
    columns = [
        {
            "key": json_out.document(column.key_json),
            "label": column.label,
            "color": column.color,
            "count": column.count,
            "values": json_out.document(column.values_json) or {},
            "data": [json_out.record(one) for one in column.records],
            "next_page_token": column.next_page_token,
        }
        for column in response.columns
    ]
    return json_reply(200, {"columns": columns}, [_CACHE])


def _pack_aggregate(_exchange: Exchange, response: Any) -> Reply:
    groups = [
        {"keys": json_out.document(g.keys_json), "values": json_out.document(g.values_json)}
        for g in response.groups
    ]
    return json_reply(200, {"groups": groups}, [_CACHE])


def _pack_upsert(exchange: Exchange, response: Any) -> Reply:
    record = response.record
    headers: Headers = [_CACHE, (b"etag", b'"%d"' % record.version)]
    outcome = json_out.outcome(response.outcome)
    created = outcome == "created"
    if created:
        headers.append((b"location", location(exchange, record.id)))
    body = {"outcome": outcome, "record": json_out.record(record)}
    return json_reply(201 if created else 200, body, headers)


def _results() -> Answer:
    def pack(_exchange: Exchange, response: Any) -> Reply:
        results = [json_out.batch_result(one) for one in response.results]
        return json_reply(200, {"results": results}, [_CACHE])

    return custom(pack, _RESULTS)


def _page() -> Answer:
    schema = shapes.listing(_RECORD)
    schema["properties"] |= {"count": {"type": "integer"}, "plan": {"type": "object"}}
    return custom(_pack_page, schema)


# --- routes ---


def routes(hub: Hub) -> list[Route]:
    return [
        *_single(hub),
        *_queries(hub),
        *_batches(hub),
        replace_route(hub),
    ]


def _single(hub: Hub) -> list[Route]:
    get, create = RECORDS["GetRecord"], RECORDS["CreateRecord"]
    update, upsert = RECORDS["UpdateRecord"], RECORDS["UpsertRecord"]
    record = one("record", etag=True)
    match = Query(upsert, ())
    match.add("match", _set_match, {"type": "string", "description": "unique fields: email"})
    outcome: Shape = {
        "type": "object",
        "properties": {
            "outcome": {"enum": ["created", "updated", "unchanged", "restored"]},
            "record": _RECORD,
        },
    }
    return [
        route(
            hub, "GET", f"{_BASE}/{{id}}", get, record,
            _details("Get a record."), query=("fields", "show_deleted"),
        ),
        route(
            hub, "POST", _BASE, create, one("record", etag=True, status=201),
            _details("Create a record.", {"fields": _DEAL}), body=_fields_body(create, "id"),
        ),
        route(
            hub, "PATCH", f"{_BASE}/{{id}}", update, record,
            _details(
                "Change fields of a record, by JSON Merge Patch: null clears.",
                {"fields": {"stage": "lost", "tags": {"$add": ["vip"], "$remove": ["cold"]}}},
            ),
            body=_fields_body(update),
        ),
        route(
            hub, "PUT", _BASE, upsert, custom(_pack_upsert, outcome, reads_etag=True),
            _details(
                "Update the record with the same unique values (`match=email`), or create it.",
                {"fields": {"email": "ada@example.com", "name": "Ada"}},
            ),
            body=_fields_body(upsert), query=match,
        ),
        route(
            hub, "DELETE", f"{_BASE}/{{id}}", RECORDS["DeleteRecord"], record,
            _details("Delete a record; it can be undeleted."),
        ),
        route(
            hub, "POST", f"{_BASE}/{{id}}:undelete", RECORDS["UndeleteRecord"], record,
            _details("Bring a deleted record back."),
        ),
        route(
            hub, "POST", f"{_BASE}/{{id}}:purge", RECORDS["PurgeRecord"], nothing(),
            _details("Remove a deleted record for ever."),
        ),
    ]  # fmt: skip


def _set_match(message: Any, text: str) -> None:
    message.match.extend(name.strip() for name in text.split(",") if name.strip())


def _queries(hub: Hub) -> list[Route]:
    query, board = RECORDS["QueryRecords"], RECORDS["QueryBoard"]
    calendar, figures = RECORDS["QueryCalendar"], RECORDS["AggregateRecords"]
    search = RECORDS["SearchRecords"]
    listed = Query(
        query,
        {
            "sort": "sort", "fields": "fields", "page_size": "page_size", "view": "view",
            "page_token": "page_token", "count": "count", "show_deleted": "show_deleted",
            "explain": "explain", "time_zone": "selection.time_zone",
            "week_start": "selection.week_start",
        },
    )  # fmt: skip
    listed.add("filter", _set_filter, {"type": "string", "description": "JSON or text form"})
    query_body = _read_body(
        query, "view", "page_size", "page_token", "count", "show_deleted", "explain"
    )
    board_body = _read_body(
        board, "view", "group_by", "measures", "page_size", "page_token",
        extra={"column": _write_column},
    )  # fmt: skip
    _also(board_body, "column", {"oneOf": [{"type": t} for t in ("string", "boolean", "null")]})
    columns: Shape = {"type": "object", "properties": {"columns": {"type": "array"}}}
    found = [
        route(
            hub, "GET", _BASE, query, _page(),
            _details("List records: one page of what a filter or view selects.",
                     operation="listRecords"),
            query=listed,
        ),
        route(
            hub, "POST", f"{_BASE}:search", search, custom(_pack_search, shapes.listing(_RECORD)),
            _details("Find records by the words of their searchable fields, best first.",
                     {"query": "acme ren"}),
            body=_plain_body(search, "query", "page_size"), params={"object": "objects"},
        ),
    ]  # fmt: skip
    for method in ("POST", "QUERY"):
        by = "" if method == "POST" else "ByQuery"
        found += [
            route(
                hub, method, f"{_BASE}:query", query, _page(),
                _details("Query records by a filter tree or a view.",
                         {"filter": _STAGE, "sort": "-amount", "fields": "name,company.name",
                          "page_size": 50, "count": "exact"}, f"queryRecords{by}"),
                body=query_body,
            ),
            route(
                hub, method, f"{_BASE}:board", board, custom(_pack_board, columns),
                _details("A kanban: every group with its count, figures and first records.",
                         {"group_by": "stage", "measures": [{"fn": "sum", "field": "amount"}]},
                         f"queryBoard{by}"),
                body=board_body,
            ),
            route(
                hub, method, f"{_BASE}:calendar", calendar,
                custom(_pack_calendar, shapes.listing(_RECORD)),
                _details("Records whose dates touch a range.",
                         {"date_field": "close_date", "from": "2026-11-01", "to": "2026-12-01"},
                         f"queryCalendar{by}"),
                body=_read_body(calendar, "view", "date_field", "end_date_field", "from", "to",
                                "page_size", "page_token"),
            ),
            route(
                hub, method, f"{_BASE}:aggregate", figures,
                custom(_pack_aggregate, {"type": "object"}),
                _details("Figures by groups.",
                         {"group_by": [{"field": "stage"}],
                          "measures": [{"fn": "count", "as": "deals"}]}, f"aggregateRecords{by}"),
                body=_read_body(figures, "view", "group_by", "measures", "having", "limit",
                                "include_empty"),
            ),
        ]  # fmt: skip
    return found


def _plain_body(rpc: Rpc, *names: str) -> Body:
    return Body(json_in.members(rpc.input, names), schema=shapes.input_object(rpc.input, names))


def _also(taken: Body, name: str, schema: Shape) -> None:
    if taken.schema is not None:
        taken.schema["properties"][name] = schema


def _batches(hub: Hub) -> list[Route]:
    create, update = RECORDS["BatchCreateRecords"], RECORDS["BatchUpdateRecords"]
    upsert, delete = RECORDS["BatchUpsertRecords"], RECORDS["BatchDeleteRecords"]
    get = RECORDS["BatchGetRecords"]
    some = "0199c0de-0000-7000-8000-000000000001"
    get_body = _plain_body(get, "ids", "show_deleted")
    members: dict[str, Writer] = {**get_body.members, "fields": json_in.comma_writer("fields")}
    return [
        route(
            hub, "POST", f"{_BASE}:batchCreate", create, _results(),
            _details("Create up to 1,000 records; all or none, unless mode is partial.",
                     {"items": [{"fields": _DEAL}], "mode": "atomic"}),
            body=_items_body(create, ("id",), "mode"),
        ),
        route(
            hub, "POST", f"{_BASE}:batchUpdate", update, _results(),
            _details("Update up to 1,000 records.",
                     {"items": [{"id": some, "fields": {"stage": "won"}, "etag": "3"}]}),
            body=_items_body(update, ("id", "etag"), "mode"),
        ),
        route(
            hub, "POST", f"{_BASE}:batchUpsert", upsert, _results(),
            _details("Upsert up to 1,000 records by unique fields.",
                     {"match": ["email"], "items": [{"fields": {"email": "ada@example.com"}}]}),
            body=_items_body(upsert, (), "match", "mode"),
        ),
        route(
            hub, "POST", f"{_BASE}:batchDelete", delete, _results(),
            _details("Delete up to 1,000 records.", {"ids": [some]}),
            body=_plain_body(delete, "ids", "mode"),
        ),
        route(
            hub, "POST", f"{_BASE}:batchGet", get, _results(),
            _details("Get up to 1,000 records, in the order asked.", {"ids": [some]}),
            body=Body(members, schema=get_body.schema),
        ),
    ]  # fmt: skip

