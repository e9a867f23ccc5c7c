"""Run one service as a process: `serve`, `relay`, `work`, or several of them, or `migrate`.

Everything a `__main__` repeats stands here: settings, logs, traces, database and bus, the wait for
the schema's version, health, background tasks, and the way out on SIGTERM. A background task that
ends by an error ends the process, for the supervisor to start again.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import psycopg
import sqlalchemy as sa
import structlog
import uvloop

from kit import (
    consumer,
    crash,
    idempotency,
    logs,
    metrics,
    migrations,
    paging,
    relay,
    server,
    settings,
    telemetry,
)
from kit.bus import Bus
from kit.calls import Authenticate, CallPolicy
from kit.db import Database
from kit.errors import ServiceError
from kit.journal import Journal
from kit.settings import Settings

log = structlog.get_logger()

S = TypeVar("S", bound=Settings)
Work = Callable[[], Awaitable[None]]
ROLES = ("serve", "relay", "work", "migrate")
_MAINTAIN_SECONDS = 600.0
_LEAVE_SECONDS = 10.0  # beyond the grace of calls, to give back what is held


@dataclass(frozen=True, slots=True)
class App(Generic[S]):
    """What a service is wired from."""

    plane: str
    settings: S
    db: Database  # the service's role: one workspace at a time
    worker_db: Database  # the workers' role: the queue tables of all workspaces
    bus: Bus


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a service consists of."""

    servicers: server.Servicers
    authenticate: Authenticate
    consumers: Sequence[tuple[consumer.Options, consumer.Handler | consumer.BatchHandler]] = ()
    workers: Sequence[Work] = ()  # run in the role `work`
    background: Sequence[Work] = ()  # run in every role but migrate
    closing: Sequence[Work] = field(default=())
    journal: Journal | None = None  # what the audit log is told of this process's calls


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """One plane's service, for `main`."""

    plane: str
    package: str
    settings: type[S]
    tables: sa.MetaData
    wire: Callable[[App[S]], Awaitable[Wiring]]
    relay_rest: float = relay.REST_SECONDS  # for company: what others wait for goes out sooner
    planner: str = ""  # options of its connections, where Postgres must not choose: -c name=value
    partitioned: tuple[tuple[str, int], ...] = (("outbox", 3),)  # table, days kept


def main(service: Service[S], doc: str | None) -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {service.package}", description=doc)
    parser.add_argument("roles", nargs="*", choices=[*ROLES, []], help="what this process does")
    parser.add_argument("--print-config", action="store_true", help="show settings and leave")
    asked = parser.parse_args()
    try:
        config = settings.load(service.settings)
    except settings.SettingsError as exc:
        sys.exit(f"settings: {exc}")
    if asked.print_config:
        settings.print_config(config)
        return
    roles = set(asked.roles) or {"serve", "relay", "work"}
    logs.configure(f"armature-{service.plane}", config.log_level)
    if "migrate" in roles:
        migrations.upgrade(
            service.package, service.plane, config.owner_database_url, service.tables
        )
        return
    telemetry.configure(f"armature-{service.plane}", config.otlp_endpoint, config.trace_rate)
    crash.configure(config.crash_dir)
    paging.configure(config.internal_secret)
    # Measured: with Python's own thresholds a third of a large batch's time is garbage collection.
    gc.set_threshold(100_000, 20, 100)
    uvloop.run(_run(service, config, roles))
    telemetry.shutdown()


async def _run(service: Service[S], config: S, roles: set[str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        size, planner = config.database_pool, service.planner
        db = Database(config.database_url, service.plane, size=size, planner=planner)
        worker_db = Database(config.worker_database_url, service.plane, size=size)
        bus = Bus(config.nats_url, f"armature-{service.plane}", max_bytes=config.stream_max_bytes)
        await stack.enter_async_context(metrics.served(config.metrics_address))
        metrics.REGISTRY.register(
            metrics.PoolCollector({"service": db.pool, "workers": worker_db.pool})
        )
        for pool in (db, worker_db):
            await pool.open()
            stack.push_async_callback(pool.close)
        starting = asyncio.create_task(_start(service, config, bus))
        if not await _unless(stop, starting):
            return
        stack.push_async_callback(bus.close)
        wiring = await service.wire(App(service.plane, config, db, worker_db, bus))
        for close in wiring.closing:
            stack.push_async_callback(close)
        tasks = [asyncio.create_task(_forever(work)) for work in wiring.background]
        if wiring.journal is not None:
            stack.push_async_callback(wiring.journal.close)
            tasks.append(asyncio.create_task(wiring.journal.run()))
        if "serve" in roles:
            await stack.enter_async_context(_serving(config, wiring, db, bus))
        if "relay" in roles:
            publishing = relay.Relay(service.plane, worker_db, bus, rest=service.relay_rest)
            db.outbox_changed = worker_db.outbox_changed = publishing.wake
            tasks.append(asyncio.create_task(publishing.run()))
        if "work" in roles:
            for options, handler in wiring.consumers:
                taking = consumer.Consumer(
                    options, db, bus, handler, ack_wait=config.ack_wait_seconds
                )
                tasks.append(asyncio.create_task(taking.run()))
            tasks += [asyncio.create_task(_forever(work)) for work in wiring.workers]
            tasks.append(asyncio.create_task(_maintain(service, worker_db)))
        log.info("started", roles=sorted(roles), address=config.address)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        log.info("draining")
        _leave_within(config.grace_seconds + _LEAVE_SECONDS)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        stopping.cancel()
    broken = [e for e in ended if isinstance(e, Exception)]
    if broken:
        raise broken[0]


def _leave_within(seconds: float) -> None:
    """Leave in time whatever happens: what is given up here has its lease, and comes again. A
    server that stands still can have its client wait for ever."""

    def leave() -> None:
        log.error("left before all was given back", seconds=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True  # it holds up nobody who is faster
    timer.start()


async def _forever(work: Work) -> None:
    await work()


async def _unless(stop: asyncio.Event, task: "asyncio.Task[None]") -> bool:
    """Wait for the task; False when asked to stop first."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, task], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        await task
        return True
    task.cancel()
    return False


async def _start(service: Service[S], config: S, bus: Bus) -> None:
    """Wait for Postgres, for the schema's version and for NATS."""
    while True:
        try:
            current = await asyncio.to_thread(
                migrations.is_current,
                service.package,
                service.plane,
                config.database_url,
                service.tables,
            )
        except (sa.exc.SQLAlchemyError, psycopg.Error) as exc:
            log.warning("postgres does not answer yet", error=type(exc).__name__)
        else:
            if current:
                break
            log.warning("the schema is behind; waiting for migrate")
        await asyncio.sleep(0.5)
    await bus.open()


def _serving(
    config: Settings, wiring: Wiring, db: Database, bus: Bus
) -> AbstractAsyncContextManager[int]:
    async def ready() -> bool:
        return bus.is_healthy() and await db.ping()

    policy = CallPolicy(
        wiring.authenticate,
        default_timeout=config.request_timeout_seconds,
        log_limit=logs.RateLimit(config.log_rpc_rate),
        journal=wiring.journal,
    )
    return server.running(
        config.address,
        wiring.servicers,
        policy,
        ready,
        grace=config.grace_seconds,
        max_connection_age=config.max_connection_age_seconds,
        max_message_bytes=config.max_message_bytes,
    )


async def _maintain(service: Service[S], db: Database) -> None:
    """Make tomorrow's partitions, drop old ones, and forget old keys, for ever."""
    while True:
        try:
            async with db.across_workspaces() as tx:
                for table, days in service.partitioned:
                    await tx.run(f"SELECT {table}_maintain(%s)", [days])
                await idempotency.forget(tx)
                await consumer.forget(tx)
        except (ServiceError, psycopg.Error) as exc:
            log.warning("maintenance waits", error=str(exc))
        await asyncio.sleep(_MAINTAIN_SECONDS)
