"""A pool for each server, as long as there is something to do with it."""

import asyncio

import httpcore

from kit.connections import Connections
from tests.integration.events.platform import Received, Receiver


async def test_an_idle_server_is_forgotten_and_one_at_work_is_not() -> None:
    clock = [100.0]
    made: list[httpcore.AsyncConnectionPool] = []

    def make() -> httpcore.AsyncConnectionPool:
        made.append(httpcore.AsyncConnectionPool())
        return made[-1]

    held = Connections(make, 3.0, lambda: clock[0])
    begun = asyncio.Event()

    def never(_: Received) -> None:
        begun.set()

    async with Receiver(never).running() as hanging:

        async def slow() -> None:
            async with held.of("slow") as pool:
                await pool.request("POST", hanging.url)

        async with Receiver().running() as one, Receiver().running() as other:
            working = asyncio.create_task(slow())
            await asyncio.wait_for(begun.wait(), 10)
            for _ in range(3):
                async with held.of("one") as pool:
                    assert (await pool.request("POST", one.url)).status == 200
            assert len(made) == 2
            assert len(made[1].connections) == 1, "the connection was used again"
            clock[0] += 4
            async with held.of("other") as pool:
                await pool.request("POST", other.url)
            assert len(held) == 2, "one is gone, slow and other are there"
            clock[0] += 4
            async with held.of("one") as pool:
                assert (await pool.request("POST", one.url)).status == 200
            assert len(made) == 4
            assert not made[1].connections, "its connections are closed"
            assert not working.done()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    await held.aclose()
    assert len(held) == 0
