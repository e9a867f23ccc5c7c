"""What ten endpoints that hang cost ninety that do not."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from tests.bench import figures
from tests.integration.events.conftest import Plane
from tests.integration.events.hooks import subscribe
from tests.integration.events.platform import Received, Receiver
from tests.integration.kit.helpers import eventually

ENDPOINTS, HANGING = 100, 10
EVENTS, EVERY = 20, 1.0  # seconds; after some that nobody counts
WARM = 5
MOVED_BAR = 20.0  # percent that the p99 of those that answer may move


@pytest.mark.bench
@pytest.mark.timeout(240)
async def test_p99_of_ninety_endpoints_beside_ten_that_hang(plane: Plane, workspace: UUID) -> None:
    caller, loop = plane.a(workspace), asyncio.get_running_loop()
    hanging = False
    emitted: dict[str, float] = {}

    async with AsyncExitStack() as stack:

        def never(_: Received) -> tuple[int, dict[str, str]] | None:
            return None if hanging else (200, {})

        bad = [Receiver(never) for _ in range(HANGING)]
        good = [Receiver() for _ in range(ENDPOINTS - HANGING)]
        for one in (*bad, *good):
            await stack.enter_async_context(one.running())
            await subscribe(caller, one.url)

        async def burst() -> list[float]:
            """Of the good ones: seconds from the commit to the arrival, in order of size."""
            for one in good:
                one.got.clear()
            counted: set[str] = set()
            for n in range(WARM + EVENTS):
                started = loop.time()
                (event_id,) = await plane.emit(workspace, "record.updated")
                emitted[str(event_id)] = loop.time()
                if n >= WARM:
                    counted.add(str(event_id))
                await asyncio.sleep(max(0.0, EVERY - (loop.time() - started)))

            async def arrived() -> bool:
                return all(len(one.got) >= WARM + EVENTS for one in good)

            await eventually(arrived, "the good ones have everything", 60)
            return sorted(
                got.at - emitted[got.headers["webhook-id"]]
                for one in good
                for got in one.got
                if got.headers["webhook-id"] in counted
            )

        calm = await burst()
        hanging = True
        troubled = await burst()
    for name, found in (("all answer", calm), ("ten hang", troubled)):
        p50, p99 = (figures.at(found, share) * 1000 for share in (0.5, 0.99))
        print(f"\n{name}: {len(found)} deliveries, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    moved = (figures.at(troubled, 0.99) / figures.at(calm, 0.99) - 1) * 100
    figures.at_most("p99 of ninety beside ten that hang, moved by", moved, MOVED_BAR, "%")
