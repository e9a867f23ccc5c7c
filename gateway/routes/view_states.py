"""Serve which views have their entries kept, and what the advisor decided."""

from gateway.binding import Details, page, route
from gateway.hub import Hub
from gateway.planes import VIEW_STATES
from gateway.routing import Route


def routes(hub: Hub) -> list[Route]:
    return [
        route(
            hub, "GET", "/v1/objects/{object}/view-states", VIEW_STATES["ListViewStates"],
            page("states"),
            Details("views", "List which views' entries are kept ready, and why."),
            query=("page_size", "page_token"),
        ),
    ]  # fmt: skip
