"""Serve aggregates of an object's records, and searches of one object or of all."""

from typing import Any

from gateway import json_out
from gateway.binding import CACHE, Body, Details, Query, custom, page_headers, route
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.openapi.shapes import Shape
from gateway.planes import RECORDS
from gateway.replies import Reply, json_reply
from gateway.routes.queries import read_body, set_filter
from gateway.routing import Route

_BASE = "/v1/objects/{object}/records"
_RECORD: Shape = {"$ref": "#/components/schemas/Record"}
_GROUPS: Shape = {
    "type": "object",
    "properties": {
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"keys": {"type": "array"}, "values": {"type": "object"}},
            },
        },
        "more": {"type": "boolean"},
        "plan": {"type": "object"},
    },
}
_RESULTS: Shape = {
    "type": "object",
    "properties": {
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "record": _RECORD,
                    "rank": {"type": "number"},
                    "field": {"type": "string"},
                    "snippet": {"type": "string"},
                    "highlights": {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "integer"}},
                    },
                },
            },
        },
        "next_page_token": {"type": "string"},
        "partial": {"type": "boolean"},
        "plan": {"type": "object"},
    },
}
_ASKED = {
    "group_by": [{"field": "stage"}, {"field": "close_date", "bucket": "month"}],
    "measures": [{"fn": "count"}, {"fn": "sum", "field": "amount", "as": "total"}],
    "having": {"count": {"gt": 1}},
    "sort": "-count",
    "include_empty": True,
}


def routes(hub: Hub) -> list[Route]:
    return [*_aggregates(hub), *_searches(hub)]


def _say(summary: str, example: Any, operation: str) -> Details:
    return Details("records", summary, example, operation)


def _aggregates(hub: Hub) -> list[Route]:
    rpc = RECORDS["AggregateRecords"]
    taken = read_body(
        rpc, "view", "group_by", "measures", "having", "limit", "include_empty", "explain"
    )
    return [
        route(
            hub, method, f"{_BASE}:aggregate", rpc, custom(_pack_groups, _GROUPS),
            _say("Figures of groups of records: counts, sums, averages, percentiles and more.",
                 _ASKED, f"aggregateRecords{by}"),
            body=taken,
        )
        for method, by in (("POST", ""), ("QUERY", "ByQuery"))
    ]  # fmt: skip


def _searches(hub: Hub) -> list[Route]:
    rpc = RECORDS["SearchRecords"]
    names = ("q", "page_size", "page_token", "snippets", "explain")
    answer = custom(_pack_results, _RESULTS)
    found = []
    for path, params, objects, operation in (
        (f"{_BASE}:search", {"object": "objects"}, (), "searchRecords"),
        ("/v1/records:search", None, ("objects",), "searchAllRecords"),
    ):
        one = bool(params)
        said = (
            "Search an object's records by words, best first."
            if one
            else "Search records of several objects, or of all, by words, best first."
        )
        example = {"q": "acme ren", "page_size": 20, "snippets": True}
        if not one:
            example["objects"] = ["company", "person"]
        asked = Query(rpc, (*names, *objects, "fields"))
        if one:
            asked.add("filter", set_filter, {"type": "string", "description": "JSON or text form"})
        taken: Body = read_body(rpc, *names, *objects)
        found.append(
            route(
                hub, "GET", path, rpc, answer, _say(said, None, f"{operation}ByGet"),
                query=asked, params=params,
            )
        )  # fmt: skip
        found += [
            route(
                hub, method, path, rpc, answer, _say(said, example, f"{operation}{by}"),
                body=taken, params=params,
            )
            for method, by in (("POST", ""), ("QUERY", "ByQuery"))
        ]  # fmt: skip
    return found


def _pack_groups(_exchange: Exchange, response: Any) -> Reply:
    found: dict[str, Any] = {
        "groups": [
            {
                "keys": json_out.document(group.keys_json),
                "values": json_out.document(group.values_json),
            }
            for group in response.groups
        ],
        "more": response.more,
    }
    if response.plan_json:
        found["plan"] = json_out.document(response.plan_json)
    return json_reply(200, found, [CACHE])


def _pack_results(exchange: Exchange, response: Any) -> Reply:
    token = response.next_page_token
    found: dict[str, Any] = {
        "data": [_result(one) for one in response.results],
        "next_page_token": token,
        "partial": response.partial,
    }
    if response.plan_json:
        found["plan"] = json_out.document(response.plan_json)
    return json_reply(200, found, page_headers(exchange, token))


def _result(one: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"record": json_out.record(one.record), "rank": one.rank}
    if one.field:
        found |= {
            "field": one.field,
            "snippet": one.snippet,
            "highlights": [[h.start, h.end] for h in one.highlights],
        }
    return found
