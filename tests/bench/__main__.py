"""Print each operation's figures beside its floor, and keep them in bench/results/latest.json."""

import argparse
import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import uvloop

from cli.stack.ports import find_free_base
from cli.stack.run import started
from tests.bench import floor
from tests.bench.client import Connection, Measured, measure, quiet
from tests.bench.product import Product, Setup

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results" / "latest.json"
OPERATIONS = ("get", "create", "update", "list", "board", "aggregate", "contains", "search")
# Requests a second at the best of 1, 8 and 32 connections, from the design.
BARS = {"get": 1700, "create": 1000, "update": 900, "list": 450, "board": 800}
BARS |= {"contains": 400, "search": 400, "aggregate": 0}  # the design sets no bar for aggregates


@contextmanager
def _stack(given: str) -> Iterator[dict[str, Any]]:
    """A running stack's description, or a stack of our own."""
    if given:
        yield json.loads(Path(given).read_text())
        return
    with started(ROOT, find_free_base(), data_dir=ROOT / ".armature" / "bench") as stack:
        yield dict(stack)


async def _floor(url: str, ids: list[UUID], op: str, connections: int, seconds: float) -> Measured:
    sides = [await floor.Floor.open(url, ids) for _ in range(connections)]
    try:
        return await measure([getattr(side, op) for side in sides], seconds)
    finally:
        for side in sides:
            await side.close()


async def _product(
    stack: dict[str, Any],
    ids: list[UUID],
    firms: list[str],
    op: str,
    connections: int,
    seconds: float,
) -> Measured:
    url = urlsplit(stack["gateway_url"])
    sides = [
        Product(
            await Connection(url.hostname or "", url.port or 80, stack["api_key"]).open(),
            ids,
            firms,
        )
        for _ in range(connections)
    ]
    try:
        return await measure([getattr(side, op) for side in sides], seconds)
    finally:
        for side in sides:
            side.close()


async def _run(stack: dict[str, Any], count: int, seconds: float, ops: list[str]) -> None:
    setup = Setup(stack)
    firms = setup.define()
    print(f"loading {count:,} records through the batch API …", flush=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    loaded = await asyncio.to_thread(setup.load, count, firms)
    print(f"loaded: {count / (loop.time() - began):,.0f} records/s", flush=True)
    await asyncio.to_thread(floor.load, stack["postgres"]["url"], loaded)
    ids = [id_ for id_, _ in loaded]
    await quiet()
    rows: list[dict[str, Any]] = []
    print(f"{'op':8}{'conns':>6}{'rps':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'floor':>9}{'ratio':>7}")
    for op in ops:
        for connections in (1, 8, 32):
            await _product(stack, ids, firms, op, connections, min(1.0, seconds))  # warm
            await quiet(patience=20.0)
            base = await _floor(stack["postgres"]["url"], ids, op, connections, seconds)
            ours = await _product(stack, ids, firms, op, connections, seconds)
            ratio = round(ours.rps / base.rps, 3)
            print(
                f"{op:8}{connections:6}{ours.rps:9.0f}{ours.p50_ms:8.2f}{ours.p95_ms:8.2f}"
                f"{ours.p99_ms:8.2f}{base.rps:9.0f}{ratio:7.2f}",
                flush=True,
            )
            rows.append(
                {
                    "op": op,
                    "records": count,
                    "connections": connections,
                    "rps": ours.rps,
                    "p50_ms": ours.p50_ms,
                    "p95_ms": ours.p95_ms,
                    "p99_ms": ours.p99_ms,
                    "cpu_ms": ours.cpu_ms,
                    "floor_rps": base.rps,
                    "ratio": ratio,
                }
            )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    for op in ops:
        best = max(row["rps"] for row in rows if row["op"] == op)
        verdict = "met" if best >= BARS[op] else "missed"
        print(f"{op}: best {best:,.0f}/s, bar {BARS[op]:,}/s: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--stack", default="", help="the dev.json of a running stack to use")
    parser.add_argument("--ops", default=",".join(OPERATIONS))
    asked = parser.parse_args()
    with _stack(asked.stack) as stack:
        uvloop.run(_run(stack, asked.records, asked.seconds, asked.ops.split(",")))


if __name__ == "__main__":
    main()
