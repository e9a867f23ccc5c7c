"""The sink takes real exports, keeps them within bounds, and answers over HTTP."""

from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from cli import traces
from cli.sink import Sink, answer
from cli.spans import Span, SpanStore
from cli.stack.errors import StackError


def a_span(trace_id: str, span_id: str = "01", name: str = "work", linked: str = "") -> Span:
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": None,
        "name": name,
        "kind": "INTERNAL",
        "service": "records",
        "start_unix_nano": 1000,
        "end_unix_nano": 2000,
        "status": "UNSET",
        "status_message": "",
        "attributes": {},
        "links": [{"trace_id": linked, "span_id": "09", "attributes": {}}] if linked else [],
    }


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink(0, 0)
    sink.start()
    yield sink
    sink.stop()


def test_an_export_can_be_read_as_json(sink: Sink) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "records"}))
    exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{sink.otlp_port}", insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("request", kind=trace.SpanKind.SERVER) as root:
        link = trace.Link(root.get_span_context(), {"why": "test"})
        attributes: dict[str, int | list[str]] = {"rows": 2, "names": ["a", "b"]}
        with tracer.start_as_current_span("query", links=[link], attributes=attributes) as query:
            query.set_status(trace.StatusCode.ERROR, "gone")
    provider.shutdown()

    trace_id = f"{root.get_span_context().trace_id:032x}"
    url = f"http://127.0.0.1:{sink.http_port}"
    found = httpx.get(f"{url}/traces/{trace_id}", trust_env=False).json()["spans"]

    request, inner = found
    assert (request["name"], request["kind"], request["parent_span_id"]) == (
        "request",
        "SERVER",
        None,
    )
    assert inner["parent_span_id"] == request["span_id"]
    assert inner["service"] == "records"
    assert (inner["status"], inner["status_message"]) == ("ERROR", "gone")
    assert inner["attributes"] == {"rows": 2, "names": ["a", "b"]}
    assert inner["links"] == [
        {"trace_id": trace_id, "span_id": request["span_id"], "attributes": {"why": "test"}}
    ]
    assert inner["end_unix_nano"] >= inner["start_unix_nano"]
    assert traces.fetch(url, trace_id) == found


def test_fetching_a_trace_brings_those_linked_with_it(sink: Sink) -> None:
    sink.store.add([a_span("aa", linked="bb"), a_span("bb"), a_span("cc", linked="aa")])

    found = traces.fetch(f"http://127.0.0.1:{sink.http_port}", "aa")

    assert [span["trace_id"] for span in found] == ["aa", "bb", "cc"]


def test_an_unknown_trace_is_said_to_be_unknown(sink: Sink) -> None:
    with pytest.raises(StackError, match="holds no trace ff"):
        traces.fetch(f"http://127.0.0.1:{sink.http_port}", "ff")


def test_the_oldest_traces_make_room() -> None:
    store = SpanStore(limit=3)
    store.add([a_span("aa", "01"), a_span("bb", "01"), a_span("aa", "02"), a_span("cc", "01")])

    assert store.count() == 3
    assert store.trace("bb") == []
    assert len(store.trace("aa")) == 2


def test_a_span_sent_twice_counts_once() -> None:
    store = SpanStore()
    store.add([a_span("aa"), a_span("aa")])

    assert store.count() == 1


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/traces?limit=1", ["bb"]),
        ("/traces?name=pub", ["bb"]),
        ("/traces?service=records", ["bb", "aa"]),
        ("/traces?service=links", []),
        ("/traces?linked_to=aa", ["bb"]),
    ],
)
def test_traces_are_listed_newest_first(target: str, expected: list[str]) -> None:
    store = SpanStore()
    store.add([a_span("aa"), a_span("bb", name="publish", linked="aa")])

    status, body = answer(store, target)

    assert status == HTTPStatus.OK
    assert [summary["trace_id"] for summary in body["traces"]] == expected


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/traces?limit=none", HTTPStatus.BAD_REQUEST),
        ("/traces?limit=0", HTTPStatus.BAD_REQUEST),
        ("/traces/ff", HTTPStatus.NOT_FOUND),
        ("/elsewhere", HTTPStatus.NOT_FOUND),
        ("/healthz", HTTPStatus.OK),
    ],
)
def test_every_other_question_gets_its_status(target: str, status: HTTPStatus) -> None:
    assert answer(SpanStore(), target)[0] == status
