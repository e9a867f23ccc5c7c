"""Spans as the sink keeps and shows them: decoded from OTLP, bounded, found by trace."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, TypedDict

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status as OtlpStatus


class Link(TypedDict):
    """A span of this or another trace that a span refers to."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class Span(TypedDict):
    """One span; ids in hexadecimal, times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    service: str
    start_unix_nano: int
    end_unix_nano: int
    status: str
    status_message: str
    attributes: dict[str, Any]
    links: list[Link]


class TraceSummary(TypedDict):
    """A line in a list of traces."""

    trace_id: str
    name: str
    service: str
    spans: int
    start_unix_nano: int
    end_unix_nano: int
    errors: int


def decode(batch: ResourceSpans) -> list[Span]:
    """The spans of one resource in an OTLP export."""
    service = str(_attributes(batch.resource.attributes).get("service.name", "unknown"))
    return [_span(span, service) for scope in batch.scope_spans for span in scope.spans]


def summarise(spans: list[Span]) -> TraceSummary:
    """Describe a trace by its root: the span without a parent here that began first."""
    here = {span["span_id"] for span in spans}
    roots = [span for span in spans if span["parent_span_id"] not in here]
    root = min(roots or spans, key=lambda span: span["start_unix_nano"])
    return {
        "trace_id": root["trace_id"],
        "name": root["name"],
        "service": root["service"],
        "spans": len(spans),
        "start_unix_nano": min(span["start_unix_nano"] for span in spans),
        "end_unix_nano": max(span["end_unix_nano"] for span in spans),
        "errors": sum(span["status"] == "ERROR" for span in spans),
    }


class SpanStore:
    """Holds at most `limit` spans; drops whole traces, the longest untouched first."""

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._traces: OrderedDict[str, dict[str, Span]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def add(self, spans: Iterable[Span]) -> None:
        """Keep them; a span that is exported again replaces itself."""
        with self._lock:
            for span in spans:
                trace = self._traces.setdefault(span["trace_id"], {})
                self._count += span["span_id"] not in trace
                trace[span["span_id"]] = span
                self._traces.move_to_end(span["trace_id"])
            while self._count > self._limit:
                _, dropped = self._traces.popitem(last=False)
                self._count -= len(dropped)

    def count(self) -> int:
        with self._lock:
            return self._count

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace in order of their start; empty when it is unknown."""
        with self._lock:
            spans = list(self._traces.get(trace_id, {}).values())
        return sorted(spans, key=lambda span: span["start_unix_nano"])

    def recent(
        self,
        limit: int,
        service: str | None = None,
        name: str | None = None,
        linked_to: str | None = None,
    ) -> list[TraceSummary]:
        """The traces last added to first, of those with a span that fits all that is asked."""
        with self._lock:
            traces = [list(trace.values()) for trace in reversed(self._traces.values())]
        found: list[TraceSummary] = []
        for spans in traces:
            if len(found) == limit:
                break
            if any(_fits(span, service, name, linked_to) for span in spans):
                found.append(summarise(spans))
        return found


def _fits(span: Span, service: str | None, name: str | None, linked_to: str | None) -> bool:
    if service is not None and span["service"] != service:
        return False
    if name is not None and name not in span["name"]:
        return False
    if linked_to is None:
        return True
    targets = {link["trace_id"] for link in span["links"]}
    return span["trace_id"] != linked_to and linked_to in targets


def _span(span: OtlpSpan, service: str) -> Span:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() or None,
        "name": span.name,
        "kind": OtlpSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        "service": service,
        "start_unix_nano": span.start_time_unix_nano,
        "end_unix_nano": span.end_time_unix_nano,
        "status": OtlpStatus.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        "status_message": span.status.message,
        "attributes": _attributes(span.attributes),
        "links": [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "attributes": _attributes(link.attributes),
            }
            for link in span.links
        ],
    }


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case None:
            return None
        case kind:
            return getattr(value, kind)
