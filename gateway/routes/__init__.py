"""List every route of the gateway, by noun."""

from gateway.hub import Hub
from gateway.routes import (
    access,
    artifacts,
    audit,
    events,
    files,
    links,
    lives,
    metadata,
    queries,
    records,
    rules,
    schema,
    searches,
    service,
    tabular,
    timeline,
    view_states,
    watch,
    webhooks,
    workflows,
)
from gateway.routing import Route


def routes(hub: Hub) -> list[Route]:
    nouns = (
        records,
        queries,
        searches,
        tabular,
        lives,
        metadata,
        view_states,
        schema,
        links,
        files,
        artifacts,
        timeline,
        events,
        watch,
        webhooks,
        rules,
        workflows,
        access,
        audit,
    )
    found = [route for noun in nouns for route in noun.routes(hub)]
    return found + service.routes(hub, found)
