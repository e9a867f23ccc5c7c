"""Serve the questions one asks of an object's records: lists, queries, boards and calendars."""

from typing import Any

import msgspec

from gateway import json_in, json_out
from gateway.binding import (
    CACHE,
    Answer,
    Body,
    Details,
    Query,
    custom,
    page_headers,
    route,
)
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import Members, Problems, Writer
from gateway.openapi import shapes
from gateway.openapi.shapes import Shape
from gateway.planes import RECORDS, Rpc
from gateway.replies import Reply, json_reply
from gateway.routing import Route
from kit.errors import Violation

_BASE = "/v1/objects/{object}/records"
_RECORD: Shape = {"$ref": "#/components/schemas/Record"}
_FILTER: Shape = {"$ref": "#/components/schemas/Filter"}
_NAMES: Shape = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_SELECTION: dict[str, Shape] = {
    "filter": {"oneOf": [_FILTER, {"type": "string"}]},
    "time_zone": {"type": "string"},
    "week_start": {"enum": ["monday", "sunday"]},
}
_STAGE = {"stage": {"in": ["won", "lost"]}}


def _say(summary: str, example: Any, operation: str) -> Details:
    return Details("records", summary, example, operation)


def routes(hub: Hub) -> list[Route]:
    query, board = RECORDS["QueryRecords"], RECORDS["QueryBoard"]
    calendar = RECORDS["QueryCalendar"]
    listed = Query(
        query,
        {
            "sort": "sort", "fields": "fields", "page_size": "page_size", "view": "view",
            "page_token": "page_token", "skip": "skip", "count": "count",
            "show_deleted": "show_deleted", "explain": "explain",
            "time_zone": "selection.time_zone", "week_start": "selection.week_start",
        },
    )  # fmt: skip
    listed.add("filter", set_filter, {"type": "string", "description": "JSON or text form"})
    query_body = read_body(
        query, "view", "page_size", "page_token", "skip", "count", "show_deleted", "explain"
    )
    board_body = read_body(
        board, "view", "group_by", "measures", "page_size", "page_token",
        extra={"column": _write_column},
    )  # fmt: skip
    _also(board_body, "column", {"oneOf": [{"type": t} for t in ("string", "boolean", "null")]})
    columns: Shape = {
        "type": "object",
        "properties": {"columns": {"type": "array"}, "more_columns": {"type": "boolean"}},
    }
    found = [
        route(
            hub, "GET", _BASE, query, _page(),
            _say("List records: one page of what a filter or view selects.", None, "listRecords"),
            query=listed, finish=_spelled,
        ),
    ]  # fmt: skip
    for method in ("POST", "QUERY"):
        by = "" if method == "POST" else "ByQuery"
        found += [
            route(
                hub, method, f"{_BASE}:query", query, _page(),
                _say("Query records by a filter tree or a view.",
                         {"filter": _STAGE, "sort": "-amount", "fields": "name,company.name",
                          "page_size": 50, "count": "exact"}, f"queryRecords{by}"),
                body=query_body, finish=_spelled,
            ),
            route(
                hub, method, f"{_BASE}:board", board, custom(_pack_board, columns),
                _say("A kanban: every group with its count, figures and first records.",
                         {"group_by": "stage", "measures": [{"fn": "sum", "field": "amount"}]},
                         f"queryBoard{by}"),
                body=board_body, finish=_spelled,
            ),
            route(
                hub, method, f"{_BASE}:calendar", calendar,
                custom(_pack_calendar, shapes.listing(_RECORD)),
                _say("Records whose dates touch a range.",
                         {"date_field": "close_date", "from": "2026-11-01", "to": "2026-12-01"},
                         f"queryCalendar{by}"),
                body=read_body(calendar, "view", "date_field", "end_date_field", "from", "to",
                                "page_size", "page_token"),
                finish=_spelled,
            ),
        ]  # fmt: skip
    return found


async def _spelled(_exchange: Exchange, message: Any) -> None:
    """Have the plane write the records as we pass them on."""
    message.spelled = True


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
            Violation(at, "WRONG_TYPE", "must be a filter as a JSON object or as a text")
        )


def set_filter(message: Any, text: str) -> None:
    if text.lstrip()[:1] == "{":
        message.selection.filter_json = text.encode()
    elif text:
        message.selection.filter_text = text


def _selection(rpc: Rpc) -> dict[str, Writer]:
    kind = json_in.kind_of(rpc.input.fields_by_name["selection"])
    inner = json_in.members(kind, ("time_zone", "week_start"))
    found = {name: json_in.within("selection", one) for name, one in inner.items()}
    return found | {"filter": _write_filter}


def read_body(rpc: Rpc, *names: str, extra: Members | None = None) -> Body:
    """The body of a question: its own members, the selection's, and lists of names as texts."""
    members: dict[str, Writer] = json_in.members(rpc.input, names) | _selection(rpc)
    schema = shapes.input_object(rpc.input, names, _SELECTION)
    for name in ("fields", "sort"):
        if name in rpc.input.fields_by_name:
            members[name] = json_in.comma_writer(name)
            schema["properties"][name] = _NAMES
    members |= dict(extra or {})
    return Body(members, schema=schema, required=False)


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
        problems.append(Violation(at, "WRONG_TYPE", str(exc)))


def _pack_page(exchange: Exchange, response: Any) -> Reply:
    token = response.next_page_token
    found: dict[str, Any] = {
        "data": json_out.records(response),
        "next_page_token": token,
    }
    if response.HasField("count"):
        found["count"] = response.count
    if response.plan_json:
        found["plan"] = json_out.document(response.plan_json)
    return json_reply(200, found, page_headers(exchange, token))


def _pack_calendar(_exchange: Exchange, response: Any) -> Reply:
    token = response.next_page_token
    return json_reply(200, {"data": json_out.records(response), "next_page_token": token}, [CACHE])


def _pack_board(_exchange: Exchange, response: Any) -> Reply:
    columns = [
        {
            "key": json_out.document(column.key_json),
            "label": column.label,
            "color": column.color,
            # A further page of one column comes uncounted.
            "count": column.count if column.count >= 0 else None,
            "values": json_out.document(column.values_json) or {},
            "data": json_out.records(column),
            "next_page_token": column.next_page_token,
        }
        for column in response.columns
    ]
    more = {"more_columns": True} if response.more_columns else {}
    return json_reply(200, {"columns": columns, **more}, [CACHE])


def _page() -> Answer:
    schema = shapes.listing(_RECORD)
    schema["properties"] |= {"count": {"type": "integer"}, "plan": {"type": "object"}}
    return custom(_pack_page, schema)


def _also(taken: Body, name: str, schema: Shape) -> None:
    if taken.schema is not None:
        taken.schema["properties"][name] = schema
