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

    held = Connections(make, 3.0, 100, lambda: clock[0])
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


async def test_what_idles_is_bounded_over_all_servers_and_one_takes_no_more_than_its_own() -> None:
    made: dict[str, httpcore.AsyncConnectionPool] = {}
    both = asyncio.Barrier(4)

    async def ask(held: Connections, server: str, receiver: Receiver) -> None:
        async with held.of(server) as pool:
            made[server] = pool
            if server == "busy":
                await both.wait()
            assert (await pool.request("POST", receiver.url)).status == 200

    held = Connections(lambda: httpcore.AsyncConnectionPool(max_keepalive_connections=2), 60.0, 4)
    async with Receiver().running() as receiver:
        for server in ("one", "other"):
            await ask(held, server, receiver)
        await asyncio.gather(*(ask(held, "busy", receiver) for _ in range(4)))
        assert [len(made[one].connections) for one in ("one", "other", "busy")] == [1, 1, 2]
        assert len(held) == 3, "four asked at once, and two connections stay"
        await ask(held, "one", receiver)
        await ask(held, "more", receiver)
        assert len(held) == 3, "of those that idle, the other was used longest ago"
        await ask(held, "last", receiver)
        assert len(held) == 3, "then the busy one, with all that it had"
        before = dict(made)
        for server in ("one", "more", "last", "other"):
            await ask(held, server, receiver)
        assert [name for name in made if made[name] is not before[name]] == ["other"]
    await held.aclose()
    assert not any(pool.connections for pool in (*before.values(), *made.values()))
