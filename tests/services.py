"""Run a plane's service inside the test's process, on real servers, behind a real channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from cli.stack.planes import service_role, worker_role
from cli.stack.servers import Started
from kit import clients, consumer, migrations, paging, relay, server
from kit.bus import Bus
from kit.calls import CallPolicy
from kit.db import Database
from kit.errors import ServiceError
from kit.service import App, Service, Wiring
from kit.settings import Settings

S = TypeVar("S", bound=Settings)
T = TypeVar("T")
BOOTSTRAP_KEY = "arm_" + "1f" * 8 + "_" + "5e" * 24
BOOTSTRAP_WORKSPACE = "0b5e55ed-0000-4000-8000-000000000001"


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs: where, its channel, and what it was wired from."""

    address: str
    channel: grpc.aio.Channel
    app: App[Any]
    wiring: Wiring


def settings_for(
    kind: type[S], plane: str, servers: Started, overrides: Mapping[str, Any] | None = None
) -> S:
    """What a service of the stack would be told, as its settings."""
    roles = servers["postgres"]["roles"]
    store = servers["s3"]
    values: dict[str, Any] = {
        "address": "127.0.0.1:0",
        "database_url": roles[service_role(plane)],
        "worker_database_url": roles[worker_role(plane)],
        "owner_database_url": roles["armature_owner"],
        "database_pool": 8,
        "nats_url": servers["nats"]["url"],
        "s3_endpoint": store["endpoint"],
        "s3_access_key": store["access_key"],
        "s3_secret_key": store["secret_key"],
        "s3_bucket": store["bucket"],
        "s3_region": store["region"],
        "internal_secret": servers["internal_secret"],
        "environment": "test",
        "allow_loopback_webhooks": True,
    }
    return kind(**values | dict(overrides or {}))


@contextlib.asynccontextmanager
async def running(
    service: Service[S],
    servers: Started,
    *,
    roles: frozenset[str] = frozenset({"serve", "relay", "work"}),
    **overrides: Any,
) -> AsyncIterator[Running]:
    """Migrate and run a service while the block runs, in the roles that are named.

    `overrides` are settings, such as the addresses of other planes. A background task that ends by
    an error fails the block.
    """
    config = settings_for(service.settings, service.plane, servers, overrides)
    paging.configure(config.internal_secret)
    await asyncio.to_thread(
        migrations.upgrade,
        service.package,
        service.plane,
        config.owner_database_url,
        service.tables,
    )
    async with contextlib.AsyncExitStack() as stack:
        db = Database(config.database_url, service.plane, size=config.database_pool)
        worker_db = Database(config.worker_database_url, service.plane, size=config.database_pool)
        bus = Bus(config.nats_url, f"test-{service.plane}")
        for pool in (db, worker_db):
            await pool.open()
            stack.push_async_callback(pool.close)
        await bus.open()
        stack.push_async_callback(bus.close)
        app = App(service.plane, config, db, worker_db, bus)
        wiring = await service.wire(app)
        for close in wiring.closing:
            stack.push_async_callback(close)
        tasks = [asyncio.ensure_future(work()) for work in _work(app, wiring, roles)]
        stack.push_async_callback(_end, tasks)
        if wiring.journal is not None:
            stack.push_async_callback(wiring.journal.close)

        async def ready() -> bool:
            return True

        policy = CallPolicy(wiring.authenticate, journal=wiring.journal)
        port = await stack.enter_async_context(
            server.running(config.address, wiring.servicers, policy, ready, grace=0.5)
        )
        address = f"127.0.0.1:{port}"
        channel = clients.channel(address)
        stack.push_async_callback(channel.close)
        yield Running(address, channel, app, wiring)


def _work(
    app: App[Any], wiring: Wiring, roles: frozenset[str]
) -> list[Callable[[], Awaitable[None]]]:
    found = list(wiring.background)
    if wiring.journal is not None:
        found.append(wiring.journal.run)
    if "relay" in roles:
        publishing = relay.Relay(app.plane, app.worker_db, app.bus)
        app.db.outbox_changed = app.worker_db.outbox_changed = publishing.wake
        found.append(publishing.run)
    if "work" in roles:
        for options, handler in wiring.consumers:
            found.append(consumer.Consumer(options, app.db, app.bus, handler).run)
        found += wiring.workers
    return found


async def _end(tasks: "Sequence[asyncio.Future[None]]") -> None:
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


async def reason(call: Awaitable[Any]) -> str:
    """`CODE/REASON` of a call that is refused."""
    try:
        answer = await call
    except ServiceError as exc:
        return f"{exc.code}/{exc.reason}"
    raise AssertionError(f"it was answered: {answer}")


async def refusal(call: Awaitable[Any]) -> ServiceError:
    """The error of a call that is refused."""
    try:
        answer = await call
    except ServiceError as exc:
        return exc
    raise AssertionError(f"it was answered: {answer}")


async def until(
    condition: Callable[[], Awaitable[T | None]], seconds: float = 20.0, every: float = 0.02
) -> T:
    """What `condition` gives once it gives something true; an AssertionError after that time."""
    async with asyncio.timeout(seconds):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(every)
