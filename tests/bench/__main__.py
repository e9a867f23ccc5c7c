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
# Requests a second at the best of 1, 8 and 32 connections, from the design; 0: it sets none.
BARS = {
    "get": 1700,
    "list": 450,
    "page_200": 450,
    "range": 400,
    "expand": 350,
    "count": 0,
    "board": 800,
    "aggregate": 0,
    "contains": 400,
    "search": 400,
    "update": 900,
    "create": 1000,
    "batch": 70,
}
IMPORT_BAR = 15_000  # records a second


@contextmanager
def _stack(given: str) -> Iterator[dict[str, Any]]:
    """A running stack's description, or a stack of our own."""
    if given:
        yield json.loads(Path(given).read_text())
        return
    base = find_free_base()
    with started(ROOT, base, data_dir=ROOT / ".armature" / f"bench-{base}") as stack:
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


async def _run(
    stack: dict[str, Any], count: int, seconds: float, ops: list[str]
) -> list[dict[str, Any]]:
    setup = Setup(stack)
    firms = setup.define()
    print(f"importing {count:,} records …", flush=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    loaded = await asyncio.to_thread(setup.load, count, firms)
    took = loop.time() - began
    print(f"imported: {count / took:,.0f} records/s, bar {IMPORT_BAR:,}", flush=True)
    await asyncio.to_thread(floor.load, stack["postgres"]["url"], loaded)
    ids = [id_ for id_, _ in loaded]
    await quiet()
    rows: list[dict[str, Any]] = []
    print(f"{'op':10}{'conns':>6}{'rps':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'floor':>9}{'ratio':>7}")
    for op in ops:
        for connections in (1, 8, 32):
            await _product(stack, ids, firms, op, connections, min(1.0, seconds))  # warm
            await quiet(patience=20.0)
            base = await _floor(stack["postgres"]["url"], ids, op, connections, seconds)
            ours = await _product(stack, ids, firms, op, connections, seconds)
            ratio = round(ours.rps / base.rps, 3)
            print(
                f"{op:10}{connections:6}{ours.rps:9.0f}{ours.p50_ms:8.2f}{ours.p95_ms:8.2f}"
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
    for op in ops:
        best = max(row["rps"] for row in rows if row["op"] == op)
        verdict = "met" if best >= BARS[op] else "missed"
        print(f"{op}: best {best:,.0f}/s, bar {BARS[op]:,}/s: {verdict}")
    return rows


def _growth(rows: list[dict[str, Any]]) -> None:
    """What an operation costs among the most records, as a multiple of among the fewest."""
    sizes = sorted({row["records"] for row in rows})
    for op in dict.fromkeys(row["op"] for row in rows) if len(sizes) > 1 else ():
        alone = {r["records"]: r for r in rows if r["op"] == op and r["connections"] == 1}
        few, many = alone[sizes[0]]["p50_ms"], alone[sizes[-1]]["p50_ms"]
        print(f"{op}: {few} ms at {sizes[0]:,}, {many} ms at {sizes[-1]:,}: x {many / few:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", default="100000", help="several: a stack of its own for each")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--stack", default="", help="the dev.json of a running stack to use")
    parser.add_argument("--ops", default=",".join(BARS))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for count in map(int, asked.records.split(",")):
        with _stack(asked.stack) as stack:
            rows += uvloop.run(_run(stack, count, asked.seconds, asked.ops.split(",")))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    _growth(rows)


if __name__ == "__main__":
    main()
