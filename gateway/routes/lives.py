"""Serve what a record was, what it is like, and what becomes of several that are one."""

from typing import Any

from gateway import json_in, json_out
from gateway.binding import (
    CACHE,
    Body,
    Details,
    custom,
    page_headers,
    route,
)
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import kind_of
from gateway.openapi import shapes
from gateway.openapi.shapes import Shape
from gateway.planes import DUPLICATES, HISTORY
from gateway.replies import Reply, json_reply
from gateway.routing import Route

_BASE = "/v1/objects/{object}/records"
_SOME = "0199c0de-0000-7000-8000-000000000001"
_OTHER = "0199c0de-0000-7000-8000-000000000002"
_FIELDS: Shape = {"type": "object", "description": "values by field name"}


def _say(summary: str, example: Any = None) -> Details:
    return Details("records", summary, example)


def routes(hub: Hub) -> list[Route]:
    history = HISTORY["ListRecordHistory"]
    find, merge = DUPLICATES["FindDuplicates"], DUPLICATES["MergeRecords"]
    asked = json_in.members(find.input, ("ids",))
    asked |= {"fields": json_in.object_writer("fields_json")}
    merged = ("ids", "priority_id", "dry_run")
    record: Shape = {"$ref": "#/components/schemas/Record"}
    versions = shapes.page_of(history.output, "versions")
    versions["properties"]["complete"] = {"type": "boolean"}
    found: Shape = {"type": "object", "properties": {"groups": {"type": "array"}}}
    left: Shape = {
        "type": "object",
        "properties": {
            "record": record,
            "merged_ids": {"type": "array", "items": {"type": "string"}},
            "moved_relations": {"type": "integer"},
        },
    }
    return [
        route(
            hub, "GET", f"{_BASE}/{{id}}/history", history, custom(_pack_history, versions),
            _say("List a record's versions, newest first, with what changed, by whom and when."),
            query=("page_size", "page_token"),
        ),
        route(
            hub, "POST", f"{_BASE}:duplicates", find, custom(_pack_groups, found),
            _say("Find records that share telling values with given ones.", {"ids": [_SOME]}),
            body=Body(asked, schema=shapes.input_object(find.input, ("ids",), {"fields": _FIELDS})),
        ),
        route(
            hub, "POST", f"{_BASE}:merge", merge, custom(_pack_merge, left),
            _say("Make one record of several; links, notes, todos and files follow.",
                 {"ids": [_SOME, _OTHER], "priority_id": _SOME, "dry_run": True}),
            body=Body(json_in.members(merge.input, merged),
                      schema=shapes.input_object(merge.input, merged)),
        ),
    ]  # fmt: skip


def _pack_history(exchange: Exchange, response: Any) -> Reply:
    versions = HISTORY["ListRecordHistory"].output.fields_by_name["versions"]
    encode = json_out.encoder(kind_of(versions))
    token = response.next_page_token
    shown = {
        "data": [encode(one) for one in response.versions],
        "next_page_token": token,
        "complete": response.complete,
    }
    return json_reply(200, shown, page_headers(exchange, token))


def _pack_groups(_exchange: Exchange, response: Any) -> Reply:
    groups = [
        {
            "id": group.id or None,
            "duplicates": [
                {
                    "record": json_out.record(one.record),
                    "matched_fields": list(one.matched_fields),
                }
                for one in group.duplicates
            ],
        }
        for group in response.groups
    ]
    return json_reply(200, {"groups": groups}, [CACHE])


def _pack_merge(_exchange: Exchange, response: Any) -> Reply:
    shown = {
        "record": json_out.record(response.record),
        "merged_ids": list(response.merged_ids),
        "moved_relations": response.moved_relations,
    }
    return json_reply(200, shown, [CACHE])
