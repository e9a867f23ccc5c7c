"""One trace shows a change from its transaction to the webhook's attempt."""

import secrets
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
from opentelemetry import context as otel_context
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from cli.stack import servers
from kit import telemetry
from tests.integration.events.conftest import Plane, running
from tests.integration.events.hooks import deliveries, get, in_state, subscribe
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.spans: list[Any] = []

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_publish_process_deliver_and_attempt_share_the_changes_trace(
    started: servers.Started, plane: Plane, tmp_path: Path, workspace: UUID
) -> None:
    await plane.stop()  # its consumers would take a share of the work, and it sends no spans
    collector, listening = Collector(), grpc.aio.server()
    register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    register(collector, listening)
    port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    more = {"ARMATURE_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    async with (
        running(started, tmp_path, started["port_base"] + 6, **more) as traced,
        Receiver().running() as receiver,
    ):
        caller = traced.a(workspace)
        await subscribe(caller, receiver.url)
        token = otel_context.attach(telemetry.remote(f"00-{trace}-{parent}-01"))
        try:
            await traced.emit(workspace, "record.created")
        finally:
            otel_context.detach(token)
        await in_state(caller, "succeeded", 1)
        (one,) = await deliveries(caller)
        found = await get(caller, one.id)
        assert found.delivery.trace_id == found.attempts[0].trace_id == trace

        def ours() -> dict[str, Any]:
            return {s.name: s for s in collector.spans if s.trace_id.hex() == trace}

        wanted = {
            "publish record.created",
            "process record.created",
            "deliver record.created",
            "POST",
        }

        async def complete() -> bool:
            return wanted <= ours().keys()

        await eventually(complete, "the spans arrive")
        spans = ours()
        for name in wanted - {"POST"}:
            assert spans[name].parent_span_id.hex() == parent, name
        attempt = spans["POST"]
        assert attempt.parent_span_id == spans["deliver record.created"].span_id
        attributes = {a.key: a.value for a in attempt.attributes}
        assert attributes["http.response.status_code"].int_value == 200
        assert receiver.got[0].headers["traceparent"].split("-")[1:3] == [
            trace,
            attempt.span_id.hex(),
        ]
    await listening.stop(0)
    await plane.start()
