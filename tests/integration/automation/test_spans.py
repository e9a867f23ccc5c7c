"""One trace shows a change from its event through the run and each step to the webhook."""

import secrets
from itertools import pairwise
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from kit import ids
from tests.integration.automation.harness import Platform, Tenant, eventually


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.spans: list[Any] = []

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_a_run_and_its_steps_continue_the_trace_of_the_change(
    tenant: Tenant, platform: Platform
) -> None:
    collector, listening = Collector(), grpc.aio.server()
    register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    register(collector, listening)
    port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    path = f"/{ids.new_id()}"
    actions = [
        ("create_todo", {"title": "x"}),
        ("send_webhook", {"url": platform.receiver.url + path}),
    ]
    rule = (await tenant.create(actions)).rule
    endpoint = f"http://127.0.0.1:{port}"
    async with platform.process("work", ARMATURE_OTLP_ENDPOINT=endpoint):
        event_id = await tenant.happen(after={"name": "a"}, traceparent=f"00-{trace}-{parent}-01")
        run = await tenant.finished(event_id)
    spans = {s.name: s for s in collector.spans if s.trace_id.hex() == trace}
    await listening.stop(0.1)
    chains = [
        (parent, "process record.created", f"run {rule.name}", "step create_todo"),
        ("", "step create_todo", "attempt create_todo", "CreateTodo"),
        ("", f"run {rule.name}", "step send_webhook", "attempt send_webhook", "POST"),
    ]
    for first, *names in chains:
        if first:
            assert spans[names[0]].parent_span_id.hex() == first
        for above, below in pairwise(names):
            assert spans[below].parent_span_id == spans[above].span_id, below
    assert run.trace_id == trace
    assert {a.trace_id for step in run.steps for a in step.attempts} == {trace}
    [hook] = platform.receiver.at(path)
    assert hook.headers["traceparent"] == f"00-{trace}-{spans['POST'].span_id.hex()}-01"


async def test_long_after_the_event_a_run_has_a_trace_of_its_own_that_is_linked(
    tenant: Tenant, platform: Platform
) -> None:
    await tenant.create([("create_todo", {"title": "x"})])
    async with platform.process("work", ARMATURE_RUN_CONCURRENCY="0"):
        trace, parent = secrets.token_hex(16), secrets.token_hex(8)
        event_id = await tenant.happen(after={"name": "a"}, traceparent=f"00-{trace}-{parent}-01")

        async def queued() -> Any:
            return await tenant.listed(event_id=str(event_id))

        await eventually(queued, "the run is queued")
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(
            "UPDATE runs SET create_time = now() - interval '2 minutes' WHERE workspace_id = %s",
            [tenant.workspace_id],
        )
    collector, listening = Collector(), grpc.aio.server()
    register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    register(collector, listening)
    port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    async with platform.process("work", ARMATURE_OTLP_ENDPOINT=f"http://127.0.0.1:{port}"):
        run = await tenant.finished(event_id)
    [span] = [s for s in collector.spans if s.name.startswith("run ")]
    await listening.stop(0.1)
    assert span.trace_id.hex() == run.trace_id != trace
    assert [link.trace_id.hex() for link in span.links] == [trace]
