"""The trace sink of a development stack: takes spans over OTLP/gRPC, shows them over HTTP."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import grpc
import typer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from cli.spans import SpanStore, decode

_LOOPBACK = "127.0.0.1"
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_DEFAULT_LIMIT = 50
_MAX_LIMIT = 1000


class Receiver(TraceServiceServicer):
    """What exporters call."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store

    def Export(  # noqa: N802 - gRPC chooses the name
        self,
        request: ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - and the parameters
    ) -> ExportTraceServiceResponse:
        self._store.add(span for batch in request.resource_spans for span in decode(batch))
        return ExportTraceServiceResponse()


def answer(store: SpanStore, target: str) -> tuple[HTTPStatus, dict[str, Any]]:
    """The answer to a GET of `target`, as status and JSON body."""
    url = urlsplit(target)
    asked = {name: values[-1] for name, values in parse_qs(url.query).items()}
    match url.path.strip("/").split("/"):
        case ["healthz"]:
            return HTTPStatus.OK, {"status": "ok", "spans": store.count()}
        case ["traces"]:
            limit = asked.get("limit", str(_DEFAULT_LIMIT))
            if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= _MAX_LIMIT:
                return HTTPStatus.BAD_REQUEST, {"error": f"limit is a number, 1 to {_MAX_LIMIT}"}
            filters = (asked.get("service"), asked.get("name"), asked.get("linked_to"))
            return HTTPStatus.OK, {"traces": store.recent(int(limit), *filters)}
        case ["traces", trace_id]:
            spans = store.trace(trace_id.lower())
            return (HTTPStatus.OK if spans else HTTPStatus.NOT_FOUND), {"spans": spans}
        case _:
            return HTTPStatus.NOT_FOUND, {"error": f"nothing at {url.path}"}


class Sink:
    """Both servers over one store; port 0 stands for any free one."""

    def __init__(self, otlp_port: int, http_port: int, limit: int = 200_000) -> None:
        self.store = SpanStore(limit)
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),  # a second sink on this port is a mistake: say so
        ]
        self._grpc = grpc.server(ThreadPoolExecutor(4), options=options)
        # Generated without annotations.
        add_TraceServiceServicer_to_server(Receiver(self.store), self._grpc)  # type: ignore[no-untyped-call]
        self.otlp_port = self._grpc.add_insecure_port(f"{_LOOPBACK}:{otlp_port}")
        self._http = ThreadingHTTPServer((_LOOPBACK, http_port), _handler(self.store))
        self.http_port = int(self._http.server_address[1])
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    def start(self) -> None:
        self._grpc.start()
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._grpc.stop(grace=1).wait()


def _handler(store: SpanStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET from the store, in silence."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, content = answer(store, self.path)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing: a line per poll would bury what matters."""

    return Handler


def run(
    otlp_port: Annotated[int, typer.Option(help="where exporters send spans, OTLP over gRPC")],
    http_port: Annotated[int, typer.Option(help="where traces can be read, JSON over HTTP")],
) -> None:
    """Serve until SIGTERM or SIGINT."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    sink = Sink(otlp_port, http_port)
    sink.start()
    print(f"spans to {_LOOPBACK}:{sink.otlp_port}, traces at http://{_LOOPBACK}:{sink.http_port}")
    asked.wait()
    sink.stop()


if __name__ == "__main__":
    typer.run(run)
