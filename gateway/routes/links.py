"""Serve links between any two nodes."""

from gateway.binding import Body, Details, body, nothing, one, page, route, whole
from gateway.hub import Hub
from gateway.planes import LINKS
from gateway.routing import Route

_ID = "0199c0de-0000-7000-8000-000000000001"
_PERSON = {"kind": "person", "id": _ID}
_DEAL = {"kind": "opportunity", "id": "0199c0de-0000-7000-8000-000000000002"}
_NEW = {"type": "contact_of", "source": _PERSON, "target": _DEAL, "attributes": {"role": "buyer"}}
_LISTED = ("type", "direction", "page_size", "page_token")


def routes(hub: Hub) -> list[Route]:
    create, update, batch = LINKS["CreateLink"], LINKS["UpdateLink"], LINKS["BatchCreateLinks"]
    listed, many, count = LINKS["ListLinks"], LINKS["BatchListLinks"], LINKS["CountLinks"]

    def say(summary: str, example: object = None, operation: str = "") -> Details:
        return Details("links", summary, example, operation)

    def question(name: str, *members: str) -> Body:
        return body(LINKS[name], members)

    made = ("id", "type", "source", "target", "attributes", "position")
    node = {"kind": "node.kind", "id": "node.id"}
    record = {"object": "node.kind", "id": "node.id"}
    return [
        route(
            hub, "POST", "/v1/links", create, one("link", status=201),
            say("Link two nodes.", _NEW), body=body(create, made, into="link"),
        ),
        route(
            hub, "POST", "/v1/links:batchCreate", batch, whole(),
            say("Create up to 1,000 links, all or none.", {"links": [_NEW]}),
            body=body(batch, ("links",)),
        ),
        route(
            hub, "POST", "/v1/links:set", LINKS["SetLinks"], whole(),
            say("Make one node's links of one type be exactly those given.",
                {"node": _DEAL, "type": "contacts", "others": [_PERSON]}),
            body=question("SetLinks", "node", "type", "others"),
        ),
        route(
            hub, "POST", "/v1/links:batchList", many, whole(),
            say("List the first links of up to 200 nodes.", {"nodes": [_PERSON, _DEAL]}),
            body=question("BatchListLinks", "nodes", "type", "direction", "page_size"),
        ),
        route(
            hub, "POST", "/v1/links:checkDelete", LINKS["CheckDelete"], whole(),
            say("List what forbids deleting nodes.", {"nodes": [_DEAL]}),
            body=question("CheckDelete", "nodes"),
        ),
        route(hub, "GET", "/v1/links/{id}", LINKS["GetLink"], one("link"), say("Get a link.")),
        route(
            hub, "PATCH", "/v1/links/{id}", update, one("link"),
            say("Change a link's attributes (merge patch) or position.",
                {"attributes": {"role": "champion"}, "position": 2}),
            body=body(update, ("attributes", "position")),
        ),
        route(
            hub, "DELETE", "/v1/links/{id}", LINKS["DeleteLink"], nothing(), say("Unlink."),
        ),
        route(
            hub, "GET", "/v1/nodes/{kind}/{id}/links", listed, page("links"),
            say("List the links of a record, note, todo or file.", operation="listLinksOfNode"),
            params=node, query=_LISTED,
        ),
        route(
            hub, "GET", "/v1/nodes/{kind}/{id}/links:count", count, whole(),
            say("Count a node's links by type and direction."), params=node,
        ),
        route(
            hub, "GET", "/v1/records/{id}/links", listed, page("links"),
            say("List the links of a record of any object.", operation="listLinksOfRecord"),
            params={"id": "node.id"}, query=_LISTED,
        ),
        route(
            hub, "GET", "/v1/objects/{object}/records/{id}/links", listed, page("links"),
            say("List a record's links."), params=record, query=_LISTED,
        ),
    ]  # fmt: skip
