"""Serve a workspace's definitions as one document, and blueprints."""

from typing import Any

from gateway.binding import Body, Details, Query, custom, page, route, whole
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.planes import SCHEMA
from gateway.replies import JSON, Headers, Reply
from gateway.routing import Route

_CACHE = (b"cache-control", b"private, no-cache")
_EXAMPLE = {
    "objects": [{"name": "project", "fields": [{"name": "due", "type": "date"}]}],
    "link_types": [{"name": "part_of", "source_kinds": ["project"]}],
}
_DOCUMENT = {
    "type": "object",
    "properties": {"objects": {"type": "array"}, "link_types": {"type": "array"}},
}


def _pack_snapshot(exchange: Exchange, response: Any) -> Reply:
    etag = b'"%d"' % response.metadata_version
    headers: Headers = [_CACHE, (b"etag", etag)]
    if not response.snapshot_json or exchange.none_match(etag):
        return Reply(304, b"", b"", headers)
    return Reply(200, response.snapshot_json, JSON, headers)


def _pack_document(_exchange: Exchange, response: Any) -> Reply:
    return Reply(200, response.snapshot_json, JSON, [_CACHE])


async def _as_document(_exchange: Exchange, request: Any) -> None:
    request.as_document = True


async def _if_newer(exchange: Exchange, request: Any) -> None:
    """The one etag that the client holds is the version that metadata need not send again."""
    held = exchange.headers.get(b"if-none-match", b"").strip().removeprefix(b"W/").strip(b'"')
    if held.isdigit() and len(held) <= 18:
        request.if_newer_than = int(held)


def routes(hub: Hub) -> list[Route]:
    apply = SCHEMA["ApplySchema"]
    plan = SCHEMA["PlanSchema"]
    install = SCHEMA["InstallBlueprint"]
    document = Body({}, schema=_DOCUMENT, whole="document_json")

    def say(summary: str, example: object = None, operation: str = "") -> Details:
        return Details("schema", summary, example, operation)

    return [
        route(
            hub, "GET", "/v1/schema", SCHEMA["GetSnapshot"],
            custom(_pack_snapshot, {"type": "object"}),
            say("Pull everything the workspace defines, as one document."), finish=_if_newer,
        ),
        route(
            hub, "GET", "/v1/schema/document", SCHEMA["GetSnapshot"],
            custom(_pack_document, _DOCUMENT),
            say("Pull the definitions as the document that :plan and :apply take.",
                operation="getSchemaDocument"),
            finish=_as_document,
        ),
        route(
            hub, "POST", "/v1/schema:apply", apply, whole(),
            say("Make the workspace hold at least what the document describes.", _EXAMPLE),
            body=document, query=Query(apply, ("validate_only", "exact", "allow_destructive")),
        ),
        route(
            hub, "POST", "/v1/schema:plan", plan, whole(),
            say("Answer what applying would do, what is destructive, and change nothing.",
                _EXAMPLE),
            body=document, query=Query(plan, ("exact",)),
        ),
        route(
            hub, "GET", "/v1/schema/changes", SCHEMA["ListChanges"], page("changes"),
            say("List what was changed in the definitions, newest first."),
            query=("page_size", "page_token"),
        ),
        route(
            hub, "POST", "/v1/schema/changes/{version}:revert", SCHEMA["RevertChange"], whole(),
            say("Take back what made a version of the definitions."),
        ),
        route(
            hub, "GET", "/v1/blueprints", SCHEMA["ListBlueprints"], page("blueprints"),
            say("List the blueprints that ship with the platform, and which are installed."),
            query=("page_size", "page_token"),
        ),
        route(
            hub, "POST", "/v1/blueprints/{name}:install", install, whole(),
            say("Install a blueprint that ships with the platform: crm."),
            params={"name": "blueprint"}, query=("validate_only", "restore"),
        ),
        route(
            hub, "POST", "/v1/blueprints/{name}:uninstall", SCHEMA["UninstallBlueprint"], whole(),
            say("Deactivate what a blueprint has made; its data stay."),
            params={"name": "blueprint"}, query=("force", "validate_only"),
        ),
    ]  # fmt: skip
