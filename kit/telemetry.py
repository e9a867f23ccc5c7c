"""Follow one change through every process: spans, and the context that travels with it.

New traces are sampled up to a rate per process, so that a burst does not spend its time on being
watched; a caller that sends a sampled `traceparent` is always followed. Names of attributes are the
constants below and are listed in docs/telemetry.md.
"""

import contextlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from kit.logs import RateLimit

WORKSPACE = "armature.workspace_id"
EVENT_ID = "armature.event_id"
EVENT_TYPE = "armature.event_type"
RUN_ID = "armature.run_id"
RULE_ID = "armature.rule_id"
STEP = "armature.step"
ATTEMPT = "armature.attempt"
DELIVERY_ID = "armature.delivery_id"

AbstractSpan: TypeAlias = AbstractContextManager[trace.Span]
_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_tracer = trace.get_tracer("armature")
_random = random.Random()  # noqa: S311 -- ids of traces, which are no secrets
_roots: RateLimit | None = None  # of new traces; None: there is nobody to send them to


def configure(service: str, endpoint: str, rate: float) -> None:
    """Export this process's spans to an OTLP receiver; without an endpoint, make none."""
    global _tracer, _roots  # noqa: PLW0603 -- one tracer for the process, set once at its start
    if not endpoint:
        return
    _roots = RateLimit(rate)
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), sampler=ParentBased(ALWAYS_ON)
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=5)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=16_384, schedule_delay_millis=250)
    )
    trace.set_tracer_provider(provider)
    _tracer = provider.get_tracer("armature")


def shutdown() -> None:
    """Send what is still held."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


@contextlib.contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: otel_context.Context | None = None,
    links: Sequence[Link] = (),
    root: bool = False,
    **attributes: str | float | bool,
) -> Iterator[trace.Span]:
    """Run the block in a span. A child of the present one unless `parent` is given or `root` set.

    Attribute names come as keywords with `__` for the dot: armature__run_id="…".
    """
    above = trace.INVALID_SPAN if root else trace.get_current_span(parent)
    found = above.get_span_context()
    # What nobody follows costs next to nothing: the SDK decides the same, at the price of a span.
    if found.is_valid and not found.trace_flags.sampled:
        with _within(parent):
            yield above
        return
    if not found.is_valid and _roots is not None and not _roots.allow():
        unseen = NonRecordingSpan(
            SpanContext(_random.getrandbits(128), _random.getrandbits(64), False)
        )
        with _within(trace.set_span_in_context(unseen, parent)):
            yield unseen
        return
    named = {k.replace("__", "."): v for k, v in attributes.items()}
    context = otel_context.Context() if root else parent
    with _tracer.start_as_current_span(
        name, context=context, kind=kind, links=links, attributes=named
    ) as active:
        yield active


@contextlib.contextmanager
def _within(context: otel_context.Context | None) -> Iterator[None]:
    if context is None:
        yield
        return
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def is_recording() -> bool:
    return trace.get_current_span().is_recording()


def traceparent() -> str:
    """The present span's context in its W3C form; empty without one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def unseen(traceparent: str) -> str:
    """The same place in the same trace, for what makes no spans in it."""
    return f"{traceparent[:-2]}00" if traceparent else ""


def trace_id() -> str:
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def span_context(value: str | None) -> SpanContext | None:
    """The context that a traceparent names; None for a malformed one, which is dropped."""
    match = _TRACEPARENT.match(value or "")
    if not match:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    found = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return found if found.is_valid else None


def remote(value: str | None) -> otel_context.Context:
    """A context whose present span is the remote one, or none."""
    found = span_context(value)
    if found is None:
        return otel_context.Context()
    return trace.set_span_in_context(NonRecordingSpan(found), otel_context.Context())


def link_to(value: str | None, attributes: Mapping[str, str] | None = None) -> tuple[Link, ...]:
    found = span_context(value)
    return (Link(found, dict(attributes or {})),) if found else ()
