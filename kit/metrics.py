"""Count what a process does, for Prometheus: the one registry of names, and the port that shows it.

The names are those of docs/telemetry.md with `_` for `.`. Labels never hold a workspace, an id or
anything a user chose. A plane's own metrics are made in its own modules, from REGISTRY.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from psycopg_pool import AsyncConnectionPool

log = structlog.get_logger()

REGISTRY = CollectorRegistry()
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_MAX_HEAD = 8192
_READ_SECONDS = 5.0

RPC_SECONDS = Histogram(
    "rpc_server_duration_seconds",
    "Time from a call's arrival to its answer.",
    ("rpc_method", "code"),
    buckets=SECONDS,
    registry=REGISTRY,
)
OUTBOX_BACKLOG = Gauge(
    "outbox_backlog", "Rows that wait to be published by this relay.", ("plane",), registry=REGISTRY
)
OUTBOX_OLDEST = Gauge(
    "outbox_oldest_age_seconds", "Age of the oldest of them.", ("plane",), registry=REGISTRY
)
OUTBOX_PUBLISHED = Counter(
    "outbox_published", "Events published, repeats included.", ("plane",), registry=REGISTRY
)
STREAM_FULL = Counter(
    "outbox_stream_full", "Times the stream had no room.", ("plane",), registry=REGISTRY
)
CONSUMER_LAG = Gauge(
    "consumer_lag", "Events that wait in the stream.", ("consumer",), registry=REGISTRY
)
CONSUMER_HELD = Gauge(
    "consumer_ack_pending", "Events taken and not done yet.", ("consumer",), registry=REGISTRY
)
CONSUMER_REDELIVERED = Gauge(
    "consumer_redelivered", "Of them, delivered before.", ("consumer",), registry=REGISTRY
)
CONSUMER_PROCESSED = Counter(
    "consumer_processed", "Events done or buried.", ("consumer", "outcome"), registry=REGISTRY
)
CONSUMER_SECONDS = Histogram(
    "consumer_duration_seconds",
    "Time of one transaction of a consumer.",
    ("consumer",),
    buckets=SECONDS,
    registry=REGISTRY,
)
GAVE_WAY = Counter(
    "gave_way_seconds",
    "Time that work on a backlog waited for requests of its process.",
    ("who",),
    registry=REGISTRY,
)
KEPT_WRONG = Counter(
    "kept_wrong",
    "What was kept beside the truth, found wrong by a check, and put right.",
    ("kind",),
    registry=REGISTRY,
)


class PoolCollector(Collector):
    """What waits for connections, read from the pools when somebody looks."""

    def __init__(self, pools: "Mapping[str, AsyncConnectionPool[Any]]") -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        shown = (
            ("db_pool_size", "Connections open.", "pool_size", 1.0),
            ("db_pool_available", "Connections free.", "pool_available", 1.0),
            ("db_pool_waiting", "Requests that wait for one.", "requests_waiting", 1.0),
            ("db_pool_wait_seconds_total", "Time waited for one.", "requests_wait_ms", 1e-3),
        )
        found = {name: pool.get_stats() for name, pool in self._pools.items()}
        for name, text, key, scale in shown:
            family = GaugeMetricFamily(name, text, labels=("pool",))
            for pool, stats in found.items():
                family.add_metric((pool,), stats.get(key, 0) * scale)
            yield family


def text() -> bytes:
    return generate_latest(REGISTRY)


@asynccontextmanager
async def served(address: str) -> AsyncIterator[int]:
    """GET /metrics at that address while the block runs, on the port it is given; 0 without an
    address. It answers nothing else and holds no connection."""
    if not address:
        yield 0
        return
    host, _, port = address.rpartition(":")
    listening = await asyncio.start_server(_answer, host or None, int(port), limit=_MAX_HEAD)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        await listening.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(_READ_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].split(b" ")
            wanted = len(line) == 3 and line[0] == b"GET" and line[1].split(b"?")[0] == b"/metrics"
            body = text() if wanted else b"not found\n"
            kind = CONTENT_TYPE_LATEST if wanted else "text/plain"
            status = "200 OK" if wanted else "404 Not Found"
            writer.write(
                f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as exc:
        log.debug("metrics were not read", error=repr(exc))
    finally:
        writer.close()
