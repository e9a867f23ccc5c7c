"""Serve which views have their entries kept, and what the advisor decided."""

from typing import Any

from gateway import json_out
from gateway.binding import CACHE, Details, custom, route
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import kind_of
from gateway.openapi import shapes
from gateway.planes import VIEW_STATES
from gateway.replies import Reply, json_reply
from gateway.routing import Route


def routes(hub: Hub) -> list[Route]:
    listed = VIEW_STATES["ListViewStates"]
    schema = shapes.page_of(listed.output, "states")
    del schema["properties"]["next_page_token"]
    schema.pop("required", None)
    return [
        route(
            hub, "GET", "/v1/objects/{object}/view-states", listed, custom(_pack, schema),
            Details("views", "List which views' entries are kept ready, and why."),
        ),
    ]  # fmt: skip


def _pack(_exchange: Exchange, response: Any) -> Reply:
    encode = json_out.encoder(kind_of(response.DESCRIPTOR.fields_by_name["states"]))
    return json_reply(200, {"data": [encode(one) for one in response.states]}, [CACHE])
