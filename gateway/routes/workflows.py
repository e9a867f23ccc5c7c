"""Serve workflows, what starts them, and runs as they happen."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson

from gateway import errors, json_out
from gateway.binding import Details, body, nothing, one, page, route, whole
from gateway.exchange import Exchange
from gateway.hub import Hub
from gateway.json_in import kind_of
from gateway.planes import REPLAYS, RUNS, WORKFLOWS
from gateway.replies import Reply, Stream, json_reply
from gateway.routing import Route
from kit.errors import ServiceError

_MEMBERS = (
    "name",
    "description",
    "trigger",
    "condition",
    "when",
    "inputs",
    "variables",
    "steps",
    "limits",
    "retention",
)
_EXAMPLE = {
    "name": "Big deals",
    "trigger": {
        "type": "record_updated",
        "object": "opportunity",
        "changes": {"stage": {"to": "won"}},
    },
    "when": "trigger.after.amount != null && trigger.after.amount.amount_micros > 10000000000",
    "steps": [
        {"id": "tell", "type": "create_note", "input": {"title": "Won", "body": "{{ run.id }}"}},
        {"id": "rest", "type": "delay", "input": {"for": "3d"}},
        {"id": "call", "type": "create_todo", "input": {"title": "Thank them"}},
    ],
    "limits": {"concurrency": 10},
}
_INPUT = {"values": {"approved": True}}
_EMPTY = "00000000-0000-0000-0000-000000000000"
_HEADERS = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
_MAX_TOKEN = 200


def routes(hub: Hub) -> list[Route]:
    create, update = WORKFLOWS["CreateWorkflow"], WORKFLOWS["UpdateWorkflow"]
    pause, run, check = (
        WORKFLOWS["PauseWorkflow"],
        WORKFLOWS["RunWorkflow"],
        WORKFLOWS["CheckWorkflow"],
    )
    secret, url = WORKFLOWS["RotateWorkflowSecret"], WORKFLOWS["RotateHookUrl"]
    answer, replay = RUNS["SubmitRunInput"], REPLAYS["ReplayEvents"]
    paged = {"page_size": "page_size", "page_token": "page_token"}
    base = "/v1/workflows"
    workflow = one("workflow", etag=True)

    def say(summary: str, example: object = None, tag: str = "workflows") -> Details:
        return Details(tag, summary, example)

    return [
        route(
            hub, "GET", base, WORKFLOWS["ListWorkflows"], page("workflows"),
            say("List workflows, oldest first."), query=paged,
        ),
        route(
            hub, "POST", base, create, one("workflow", "webhook_secret", "hook_url", status=201),
            say("Keep a draft; its secret and its own URL are shown only here.", _EXAMPLE),
            body=body(create, _MEMBERS, into="workflow"),
        ),
        route(
            hub, "GET", f"{base}/{{workflow}}", WORKFLOWS["GetWorkflow"], workflow,
            say("Get a workflow with its draft, by id or name."),
        ),
        route(
            hub, "PATCH", f"{base}/{{workflow}}", update, workflow,
            say("Change the draft; what is published stays as it is.", {"when": "true"}),
            body=body(update, _MEMBERS, into="changes", mask=True),
        ),
        route(
            hub, "DELETE", f"{base}/{{workflow}}", WORKFLOWS["DeleteWorkflow"], nothing(),
            say("End a workflow; its runs stay readable."),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:publish", WORKFLOWS["PublishWorkflow"], workflow,
            say("Validate the draft and freeze it as the next version."),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:rotateSecret", secret, whole(),
            say("Make a new secret; both hold for 24 hours, or with `end_old` the new one alone.",
                {"end_old": True}),
            body=body(secret, ("end_old",), required=False),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:rotateUrl", url, whole(),
            say("Make a new URL for its webhook trigger; the old one is taken for 24 hours, or with"
                " `end_old` refused at once.", {"end_old": True}),
            body=body(url, ("end_old",), required=False),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:pause", pause, workflow,
            say("Keep it from starting runs.", {"reason": "the mail server is down"}),
            body=body(pause, ("reason",), required=False),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:enable", WORKFLOWS["EnableWorkflow"], workflow,
            say("End a pause."),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:run", run, whole(),
            say("Start it by hand, once for each record.",
                {"inputs": {"reason": "asked"}, "object": "opportunity", "record_ids": [_EMPTY]}),
            body=body(run, ("inputs", "object", "record_ids"), required=False),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:test", check, whole(),
            say("Tell what it would do, for a past event or a record, with nothing done.",
                {"event_id": _EMPTY}),
            body=body(check, ("event_id", "object", "record_id", "inputs", "at_published_version"),
                      required=False),
        ),
        route(
            hub, "POST", f"{base}/{{workflow}}:replay", replay, one("replay"),
            Details("workflows", "Run it, or a rule, for events of the log; `dry_run` counts them.",
                    {"from_time": "2026-01-01T00:00:00Z"}, operation="replayEventsToWorkflow"),
            body=body(replay, ("from_time", "to_time", "after_position", "types", "dry_run",
                               "rate"), required=False),
        ),
        route(
            hub, "GET", f"{base}/{{workflow}}/versions", WORKFLOWS["ListWorkflowVersions"],
            page("versions"), say("List its versions, newest first."), query=paged,
        ),
        route(
            hub, "GET", f"{base}/{{workflow}}/history", WORKFLOWS["ListWorkflowHistory"],
            page("entries"),
            say("List what happened to a workflow or rule, newest first."), query=paged,
        ),
        route(
            hub, "GET", f"{base}/{{workflow}}/fires", WORKFLOWS["ListScheduleFires"], page("fires"),
            say("List when its schedule was due, newest first."), query=paged,
        ),
        route(
            hub, "POST", "/v1/runs/{id}:restart", RUNS["RestartRun"], one("run"),
            say("Begin a run that has ended again, from the start.", tag="runs"),
        ),
        route(
            hub, "GET", "/v1/run-inputs", RUNS["ListRunInputs"], page("inputs"),
            say("List what waits for people, or with `mine` for you.", tag="runs"),
            query={"mine": "mine", "run_id": "run_id"} | paged,
        ),
        route(
            hub, "POST", "/v1/runs/{id}/inputs/{step}", answer, one("run"),
            say("Answer a step that waits for a person's input.", _INPUT, "runs"),
            body=body(answer, ("values",)),
        ),
        _watch(hub),
        _hook(hub),
    ]  # fmt: skip


def _hook(hub: Hub) -> Route:
    """A workflow's own URL: what stands in it is the credential."""
    rpc = WORKFLOWS["ReceiveHook"]

    async def receive(exchange: Exchange) -> Reply:
        request = rpc.request()
        request.body = await exchange.body()
        request.request_id = exchange.request_id()
        for name in ("webhook_id", "webhook_timestamp", "webhook_signature"):
            raw = exchange.headers.get(name.replace("_", "-").encode(), b"")
            setattr(request, name, raw.decode("latin-1"))
        # What no header can hold is no token of ours; spelled otherwise it stays none.
        exchange.credential = "hook_" + quote(exchange.values[0][:_MAX_TOKEN])
        response = await hub.call(exchange, rpc, request)
        return json_reply(202, {"run_id": response.run_id}, [_HEADERS[0]])

    return Route(
        method="POST",
        path="/v1/hooks/{token}",
        handler=receive,
        operation="receiveHook",
        summary="Start a workflow by its own URL; webhook-id makes a repeat harmless.",
        tag="workflows",
        reply={"type": "object", "properties": {"run_id": {"type": "string"}}},
        status=202,
        needs_credentials=False,
        timeout="write",
    )


def _watch(hub: Hub) -> Route:
    rpc = RUNS["WatchRun"]

    async def watch(exchange: Exchange) -> Stream:
        request = rpc.request(id=exchange.values[0])
        stream = hub.planes.stream(rpc, request, hub.headers(exchange))
        first = await anext(stream)  # a refusal is a problem document, not a stream
        pieces = _pieces(first, stream, exchange.trace_id)
        return Stream(pieces, b"text/event-stream", list(_HEADERS))

    return Route(
        method="GET",
        path="/v1/runs/{id}:watch",
        handler=watch,
        operation="watchRun",
        summary="Stream a run with its steps as it goes on (SSE), until it has ended.",
        tag="runs",
        reply={"type": "string"},
        reply_type="text/event-stream",
        rpc=rpc.name,
        timeout="none",
    )


async def _pieces(first: Any, stream: AsyncIterator[Any], trace_id: str) -> AsyncIterator[bytes]:
    encode = json_out.encoder(kind_of(RUNS["GetRun"].output.fields_by_name["run"]))
    try:
        yield _piece(encode(first.run))
        async for response in stream:
            yield _piece(encode(response.run))
    except ServiceError as exc:
        yield b"event: error\ndata: " + orjson.dumps(errors.document(exc, trace_id)) + b"\n\n"
    finally:
        await stream.aclose()  # type: ignore[attr-defined] # it is a generator


def _piece(run: Any) -> bytes:
    return b"event: run\ndata: " + orjson.dumps(run) + b"\n\n"
