"""Make room in the stream where all have read, and show how full it is and what is open."""

import asyncio

import msgspec
import nats.errors
import psycopg
import structlog
from prometheus_client import Gauge

from kit import metrics, payloads
from kit.bus import STREAM, Bus
from kit.db import Database
from kit.errors import ServiceError
from services.events.store import dead_letters

log = structlog.get_logger()

BYTES = Gauge("stream_bytes", "Bytes in the stream.", ("stream",), registry=metrics.REGISTRY)
LIMIT = Gauge(
    "stream_limit_bytes", "Bytes that it may hold.", ("stream",), registry=metrics.REGISTRY
)
DEPTH = Gauge("dlq_depth", "Dead letters that are open.", registry=metrics.REGISTRY)
AGE = Gauge("dlq_oldest_age_seconds", "Age of the oldest of them.", registry=metrics.REGISTRY)
_FILL = 0.6  # of the limit, before what everybody has read is dropped
_KEEP = 1000  # messages behind the slowest reader that stay: advisories speak of them
_SECONDS = 10.0


class _Floor(msgspec.Struct):
    stream_seq: int


class _Config(msgspec.Struct):
    durable_name: str = ""


class _Consumer(msgspec.Struct):
    ack_floor: _Floor
    config: _Config


class _Page(msgspec.Struct):
    total: int = 0
    consumers: list[_Consumer] | None = None


class StreamWorker:
    """Runs until cancelled; each process of the role does, and each does what is left to do."""

    def __init__(self, bus: Bus, worker_db: Database, seconds: float = _SECONDS) -> None:
        self._bus = bus
        self._db = worker_db
        self._seconds = seconds

    async def run(self) -> None:
        while True:
            try:
                await self._look()
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                log.warning("the stream does not answer", error=str(exc))
            except (ServiceError, psycopg.Error) as exc:
                log.warning("dead letters are not counted", error=str(exc))
            await asyncio.sleep(self._seconds)

    async def _look(self) -> None:
        for name in (STREAM, payloads.STREAM):
            found = await self._bus.js.stream_info(name)
            limit = found.config.max_bytes or 0
            BYTES.labels(name).set(found.state.bytes)
            LIMIT.labels(name).set(limit)
            if name == STREAM and limit > 0 and found.state.bytes > limit * _FILL:
                await self._make_room(found.state.first_seq)
        async with self._db.across_workspaces() as tx:
            depth, age = await dead_letters.open_ones(tx)
        DEPTH.set(depth)
        AGE.set(age)

    async def _make_room(self, first: int) -> None:
        """Drop what every durable consumer has done with: the log keeps it for the others."""
        floor = await self._floor()
        if floor is None or floor - _KEEP <= first:
            log.error("the stream fills, and its slowest reader has not read it")
            return
        await self._bus.js.purge_stream(STREAM, seq=floor - _KEEP)
        log.warning("the stream fills: what all have read was dropped", up_to=floor - _KEEP)

    async def _floor(self) -> int | None:
        """The place up to which all durable consumers have acknowledged everything."""
        floors: list[int] = []
        seen = 0
        while True:
            answer = await self._bus.client.request(
                f"$JS.API.CONSUMER.LIST.{STREAM}",
                msgspec.json.encode({"offset": seen}),
                timeout=5,
            )
            page = msgspec.json.decode(answer.data, type=_Page)
            found = page.consumers or []
            floors += [one.ack_floor.stream_seq for one in found if one.config.durable_name]
            seen += len(found)
            if not found or seen >= page.total:
                return min(floors, default=None)
