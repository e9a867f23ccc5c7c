"""Serve records of any object: the routes that must cost next to nothing themselves."""

from typing import Any

from gateway import json_in, json_out
from gateway.binding import (
    CACHE,
    Answer,
    Body,
    Details,
    Query,
    custom,
    location,
    nothing,
    one,
    route,
)
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import Writer
from gateway.openapi import shapes
from gateway.openapi.shapes import Shape
from gateway.planes import RECORDS, Rpc
from gateway.replies import Headers, Reply, json_reply
from gateway.routes.replace import replace_route
from gateway.routing import Route

_BASE = "/v1/objects/{object}/records"
_RECORD: Shape = {"$ref": "#/components/schemas/Record"}
_RESULTS: Shape = {
    "type": "object",
    "properties": {
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/BatchResult"}}
    },
}
_FIELDS: Shape = {"type": "object", "description": "values by field name"}
_DEAL = {"name": "Acme renewal", "stage": "won"}


def _details(summary: str, example: Any = None, operation: str = "") -> Details:
    return Details("records", summary, example, operation)


# --- bodies ---


def _fields_body(rpc: Rpc, *names: str) -> Body:
    members = json_in.members(rpc.input, names) | {"fields": json_in.object_writer("fields_json")}
    schema = shapes.input_object(rpc.input, names, {"fields": _FIELDS})
    return Body(members, schema=schema)


def _items_body(rpc: Rpc, item: tuple[str, ...], *names: str) -> Body:
    kind = json_in.kind_of(rpc.input.fields_by_name["items"])
    members = json_in.members(kind, item) | {"fields": json_in.object_writer("fields_json")}
    each = shapes.input_object(kind, item, {"fields": _FIELDS})
    items = json_in.list_of("items", json_in.add_message(members))
    found: dict[str, Writer] = json_in.members(rpc.input, names) | {"items": items}
    extra = {"items": {"type": "array", "items": each, "maxItems": 1000}}
    return Body(found, schema=shapes.input_object(rpc.input, names, extra))


# --- answers ---


def _pack_upsert(exchange: Exchange, response: Any) -> Reply:
    record = response.record
    headers: Headers = [CACHE, (b"etag", b'"%d"' % record.version)]
    outcome = json_out.outcome(response.outcome)
    created = outcome == "created"
    if created:
        headers.append((b"location", location(exchange, record.id)))
    body = {"outcome": outcome, "record": json_out.record(record)}
    return json_reply(201 if created else 200, body, headers)


def _results() -> Answer:
    def pack(exchange: Exchange, response: Any) -> Reply:
        results = [json_out.batch_result(one, exchange.trace_id) for one in response.results]
        return json_reply(200, {"results": results}, [CACHE])

    return custom(pack, _RESULTS)


# --- routes ---


def routes(hub: Hub) -> list[Route]:
    return [
        *_single(hub),
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
            _details("Get a record."), query=("fields", "show_deleted", "as_of"),
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
            hub, "PUT", _BASE, upsert, custom(_pack_upsert, outcome),
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


def _plain_body(rpc: Rpc, *names: str) -> Body:
    return Body(json_in.members(rpc.input, names), schema=shapes.input_object(rpc.input, names))


def _batches(hub: Hub) -> list[Route]:
    create, update = RECORDS["BatchCreateRecords"], RECORDS["BatchUpdateRecords"]
    upsert, delete = RECORDS["BatchUpsertRecords"], RECORDS["BatchDeleteRecords"]
    undelete, get = RECORDS["BatchUndeleteRecords"], RECORDS["BatchGetRecords"]
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
            hub, "POST", f"{_BASE}:batchUndelete", undelete, _results(),
            _details("Bring up to 1,000 deleted records back.", {"ids": [some]}),
            body=_plain_body(undelete, "ids", "mode"),
        ),
        route(
            hub, "POST", f"{_BASE}:batchGet", get, _results(),
            _details("Get up to 1,000 records, in the order asked.", {"ids": [some]}),
            body=Body(members, schema=get_body.schema),
        ),
    ]  # fmt: skip
