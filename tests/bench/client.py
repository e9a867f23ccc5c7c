"""Drive HTTP with as little of the machine as possible: keep-alive connections, raw bytes."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of one operation took."""

    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float  # of the whole machine, for one operation: every process, the client included


class Connection:
    """One HTTP/1.1 connection; one request at a time."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._host, self._port, self._key = host, port, key
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    def close(self) -> None:
        self._writer.close()

    async def send(self, method: str, path: str, body: bytes = b"", *, key: str = "") -> bytes:
        """The body of a 2xx answer; RuntimeError with the answer otherwise."""
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {self._host}:{self._port}",
            f"authorization: Bearer {self._key}",
            f"content-length: {len(body)}",
        ]
        if body:
            lines.append("content-type: application/json")
        if key:
            lines.append(f"idempotency-key: {key}")
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            content = await self._chunks()
        else:
            at = lowered.find(b"content-length:")
            length = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
            content = await self._reader.readexactly(length) if length else b""
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {content[:500]!r}")
        return content

    async def _chunks(self) -> bytes:
        parts = []
        while True:
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            parts.append((await self._reader.readexactly(size + 2))[:-2])
            if size == 0:
                return b"".join(parts)


def busy_seconds() -> float:
    """What all cores have worked since boot."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _, _, irq, softirq, steal = (int(f) for f in fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


async def quiet(share: float = 0.15, patience: float = 180.0) -> None:
    """Wait until the consumers have caught up and the machine is at rest, or patience ends."""
    cores = os.cpu_count() or 1
    until = time.perf_counter() + patience
    while time.perf_counter() < until:
        before = busy_seconds()
        await asyncio.sleep(1.0)
        if (busy_seconds() - before) / cores < share:
            return


async def measure(workers: list[Work], seconds: float) -> Measured:
    """Run the workers side by side for so long; each is called with a running number."""
    took: list[float] = []
    stop = time.perf_counter() + seconds
    number = 0

    async def loop(work: Work) -> None:
        nonlocal number
        while (started := time.perf_counter()) < stop:
            number += 1
            await work(number)
            took.append(time.perf_counter() - started)

    cpu, began = busy_seconds(), time.perf_counter()
    await asyncio.gather(*(loop(work) for work in workers))
    elapsed = time.perf_counter() - began
    spent = busy_seconds() - cpu
    took.sort()

    def at(share: float) -> float:
        return round(took[min(len(took) - 1, int(len(took) * share))] * 1000, 3)

    return Measured(
        rps=round(len(took) / elapsed, 1),
        p50_ms=at(0.5),
        p95_ms=at(0.95),
        p99_ms=at(0.99),
        cpu_ms=round(spent / len(took) * 1000, 3),
    )
