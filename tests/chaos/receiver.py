"""A webhook receiver that misbehaves as it is told: slow, 500, 429, reset, silence; and keeps all.

It fails each webhook at most twice, so that whoever tries again as promised gets through.
"""

import random
import socket
import struct
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson

from tests.chaos.history import SUBSCRIPTION, Arrival

GOOD = "good"
MISDEEDS = ("slow", "500", "429", "reset", "silence")
_MOST_FAILURES = 2
_SILENT_SECONDS = 4.0  # longer than the sender waits
_SLOW_SECONDS = 0.7


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """A sender that was killed in the middle is what this is all about."""


class Receiver:
    """An HTTP server on a free loopback port; arrivals are kept by the channel in their path."""

    def __init__(self, seed: int, share: float = 0.12) -> None:
        self.misdeeds: Counter[str] = Counter()
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._arrivals: dict[str, list[Arrival]] = {}
        self._failed: Counter[tuple[str, str]] = Counter()
        self._stopping = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                if len(body) == length:  # else its sender died while sending
                    receiver.receive(self, orjson.loads(body))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Quiet."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, round_: str, channel: str) -> str:
        port = self._server.server_address[1]
        return f"http://127.0.0.1:{port}/{round_}/{channel}"

    def arrivals(self, round_: str) -> list[Arrival]:
        """What has come for a round so far, in the order in which it came."""
        with self._lock:
            return list(self._arrivals.get(round_, ()))

    def receive(self, request: BaseHTTPRequestHandler, document: Any) -> None:
        _, round_, channel = request.path.split("/")
        if channel == SUBSCRIPTION:
            data = document["data"]
            event_id = request.headers["webhook-id"]
            arrival = Arrival(channel, event_id, data["record_id"], int(data["version"]))
        else:
            arrival = Arrival(channel, document["event"])
        with self._lock:
            self._arrivals.setdefault(round_, []).append(arrival)
            deed = self._deed((channel, arrival.event_id))
            if deed != GOOD:
                self.misdeeds[deed] += 1
        self._answer(request, deed, arrival)

    def _deed(self, key: tuple[str, str]) -> str:
        if self._random.random() >= self._share or self._failed[key] >= _MOST_FAILURES:
            return GOOD
        self._failed[key] += 1
        return self._random.choice(MISDEEDS)

    def _answer(self, request: BaseHTTPRequestHandler, deed: str, arrival: Arrival) -> None:
        if deed == "slow":
            self._stopping.wait(_SLOW_SECONDS)
        if deed in {"reset", "silence"}:
            if deed == "silence":
                self._stopping.wait(_SILENT_SECONDS)
            no_linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
            request.close_connection = True
            request.connection.close()
            return
        status = int(deed) if deed.isdigit() else 200
        if status == 200:
            arrival.answered = True
        request.send_response(status)
        if status == 429:
            request.send_header("retry-after", "1")
        request.send_header("content-length", "0")
        request.end_headers()
