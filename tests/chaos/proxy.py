"""A TCP proxy on loopback that spoils connections: reset, stall, swallow, delay, trickle, refuse.

It stands between the services and Postgres or NATS. Which plane a connection belongs to it hears
from the first bytes, in which both protocols name their client.
"""

import asyncio
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

_CHUNK = 65536
_TICK = 0.02
_SNIFFED_BYTES = 4096
_TRICKLE_BYTES = 256
_CLIENT = re.compile(rb"armature[-_]([a-z]+)")
_LINGER_NONE = struct.pack("ii", 1, 0)  # close() sends RST

RESET, STALL, SWALLOW, HALF_OPEN = "reset", "stall", "swallow", "half_open"
DELAY, TRICKLE, REFUSE = "delay", "trickle", "refuse"
KINDS = (RESET, STALL, SWALLOW, HALF_OPEN, DELAY, TRICKLE, REFUSE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to connections of `client` (all, when empty) for a while.

    stall: nothing passes, and then all of it. swallow: what is sent disappears; afterwards the
    connection is reset. half_open: the same without the reset, for whoever is connected when it
    begins: they are never answered again, and have to find out. delay: each piece comes late by
    `pause`. trickle: a few hundred bytes each `pause`. refuse: who connects is reset.
    """

    kind: str
    seconds: float = 0.0
    client: str = ""
    pause: float = 0.05


@dataclass(slots=True, eq=False)
class _Connection:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    client: str = ""
    sniffed: bytes = b""
    lost: bool = False  # bytes are missing: it must never speak again
    poisoned: bool = False  # half open for ever
    faults: list[str] = field(default_factory=list)


class Proxy:
    """Listens on `port` while the block runs and forwards to `target`, on a thread of its own."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{port}", daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._faults: list[tuple[float, Fault]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise OSError(f"the proxy could not listen on {self.port}")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def inject(self, fault: Fault) -> int:
        """Begin a fault; returns how many open connections it meets."""
        met: int = self._on_loop(lambda: self._inject(fault))
        return met

    def clients(self) -> list[str]:
        """Whose connections are open now, one entry for each."""
        found: list[str] = self._on_loop(lambda: sorted(c.client for c in self._connections))
        return found

    def heal(self) -> None:
        """End every fault now. What is half open stays so."""
        self._on_loop(self._heal)

    def _on_loop(self, work: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for connection in list(self._connections):
            _abort(connection)
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _inject(self, fault: Fault) -> int:
        met = [c for c in self._connections if fault.client in ("", c.client)]
        if fault.kind == RESET:
            for connection in met:
                _abort(connection)
        elif fault.kind == HALF_OPEN:
            for connection in met:
                connection.poisoned = True
        else:
            self._faults.append((time.monotonic() + fault.seconds, fault))
        return len(met)

    def _heal(self) -> None:
        self._faults.clear()

    def _active(self, client: str) -> Fault | None:
        now = time.monotonic()
        self._faults = [(until, f) for until, f in self._faults if until > now]
        return next((f for _, f in self._faults if f.client in ("", client)), None)

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        fault = self._active("")
        if fault is not None and fault.kind == REFUSE:
            _reset(near)
            return
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(near)
            return
        connection = _Connection(near, far)
        self._connections.add(connection)
        pumps: list[Coroutine[Any, Any, None]] = [
            self._pump(connection, reader, far, outward=True),
            self._pump(connection, far_reader, near, outward=False),
        ]
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return  # we stop; asyncio would report a handler that is cancelled
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._connections.discard(connection)
            _abort(connection)

    async def _pump(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        outward: bool,
    ) -> None:
        while True:
            try:
                data = await self._read(connection, reader)
                if not data:
                    return
                if outward and not connection.client:
                    _sniff(connection, data)
                await self._pass(connection, writer, data)
            except (OSError, asyncio.IncompleteReadError):
                return

    async def _read(self, connection: _Connection, reader: asyncio.StreamReader) -> bytes:
        """What comes next; nothing when the connection is over, be it by our doing."""
        reading = asyncio.ensure_future(reader.read(_CHUNK))
        try:
            while True:
                done, _ = await asyncio.wait([reading], timeout=0.25)
                if done:
                    data = reading.result()
                    if not data and connection.poisoned:
                        await self._stop.wait()  # the other end left: we tell nobody
                    return data
                if connection.lost and self._active(connection.client) is None:
                    return b""
        finally:
            reading.cancel()

    async def _pass(
        self, connection: _Connection, writer: asyncio.StreamWriter, data: bytes
    ) -> None:
        while True:
            if connection.poisoned:
                return
            fault = self._active(connection.client)
            if connection.lost and (fault is None or fault.kind != SWALLOW):
                raise ConnectionResetError
            if fault is None or fault.kind == REFUSE:
                break
            if fault.kind == SWALLOW:
                connection.lost = True
                return
            if fault.kind == DELAY:
                await asyncio.sleep(fault.pause)
                break
            if fault.kind == TRICKLE:
                writer.write(data[:_TRICKLE_BYTES])
                data = data[_TRICKLE_BYTES:]
                if not data:
                    break
                await asyncio.sleep(fault.pause)
                continue
            await asyncio.sleep(_TICK)  # stall
        writer.write(data)
        await writer.drain()


def _sniff(connection: _Connection, data: bytes) -> None:
    if len(connection.sniffed) > _SNIFFED_BYTES:
        return
    connection.sniffed += data[:_SNIFFED_BYTES]
    if found := _CLIENT.search(connection.sniffed):
        connection.client = found.group(1).decode()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    writer.transport.abort()


def _abort(connection: _Connection) -> None:
    _reset(connection.near)
    _reset(connection.far)
