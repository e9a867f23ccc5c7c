"""The events plane as a real process, on real Postgres and NATS."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from armature.events.v1 import (
    event_admin_service_pb2_grpc,
    event_service_pb2_grpc,
    replay_service_pb2_grpc,
    subscription_service_pb2_grpc,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cli.stack import servers
from kit import clients, ids, migrations, outbox, paging
from kit.caller import Caller
from kit.db import Database
from services.events import tables
from tests.integration.events.platform import Metadata, a_key
from tests.integration.kit.helpers import ROOT, eventually


@dataclass
class As:
    """The plane's services, called with one credential."""

    channel: grpc.aio.Channel
    credential: str

    def __post_init__(self) -> None:
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.subscriptions = subscription_service_pb2_grpc.SubscriptionServiceStub(self.channel)
        self.replays = replay_service_pb2_grpc.ReplayServiceStub(self.channel)
        self.admin = event_admin_service_pb2_grpc.EventAdminServiceStub(self.channel)

    async def call(self, rpc: Any, request: Any) -> Any:
        return await clients.call(rpc, request, clients.metadata(self.credential))


@dataclass
class Plane:
    """The running plane, and how to make events happen."""

    started: servers.Started
    metadata: Metadata
    db: Database
    settings: dict[str, str]
    crash_dir: Path
    address: str
    process: asyncio.subprocess.Process | None = None

    def a(self, workspace: UUID, role: str = "admin", name: str = "ada") -> As:
        return As(clients.channel(self.address), a_key(workspace, role, name))

    async def emit(
        self,
        workspace: UUID,
        *types: str,
        aggregate: UUID | None = None,
        version: int = 1,
        data: dict[str, Any] | None = None,
        object: str = "deal",  # noqa: A002 -- as events have it
    ) -> list[UUID]:
        """Events of one aggregate, committed in one transaction; their ids."""
        one = aggregate or ids.new_id()
        made = [
            outbox.Event(kind, kind.split(".")[0], one, version + n, data or {}, object)
            for n, kind in enumerate(types)
        ]
        async with self.db.transaction(workspace) as tx:
            await outbox.add(tx, Caller(workspace, "ada", "user", "Ada"), *made)
        return [event.event_id for event in made]

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.events", cwd=ROOT, env=self.settings
        )
        async with clients.channel(self.address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)

            async def serving() -> bool:
                try:
                    answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=1)
                except grpc.aio.AioRpcError:
                    return False
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

            await eventually(serving, "the events plane serves")

    async def died(self) -> None:
        """Wait for the death that a crash point brings, then start it again."""
        assert self.process is not None
        await asyncio.wait_for(self.process.wait(), 60)
        await self.start()

    async def stop(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()


@pytest.fixture(scope="session")
def started() -> Iterator[servers.Started]:
    with servers.started() as found:
        roles = found["postgres"]["roles"]
        migrations.upgrade("services.events", "events", roles["armature_owner"], tables.metadata)
        yield found


@asynccontextmanager
async def running(
    started: servers.Started, crash_dir: Path, port: int, **more: str
) -> AsyncIterator[Plane]:
    roles = started["postgres"]["roles"]
    metadata = Metadata(started["internal_secret"])  # type: ignore[abstract]
    db = Database(roles["armature_events"], "events")
    await db.open()
    async with metadata.running() as address:
        settings = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
            "ARMATURE_ADDRESS": f"127.0.0.1:{port}",
            "ARMATURE_METRICS_ADDRESS": f"127.0.0.1:{port + 1}",
            "ARMATURE_DATABASE_URL": roles["armature_events"],
            "ARMATURE_WORKER_DATABASE_URL": roles["armature_events_worker"],
            "ARMATURE_NATS_URL": started["nats"]["url"],
            "ARMATURE_INTERNAL_SECRET": started["internal_secret"],
            "ARMATURE_METADATA_ADDRESS": address,
            "ARMATURE_RECORDS_ADDRESS": address,
            "ARMATURE_ALLOW_LOOPBACK_WEBHOOKS": "true",
            "ARMATURE_CRASH_DIR": str(crash_dir),
            "ARMATURE_ACK_WAIT_SECONDS": "4",
            "ARMATURE_WEBHOOK_SCHEDULE": "0,0.3,0.3,0.3",
            "ARMATURE_WEBHOOK_TIMEOUT_SECONDS": "2",
            "ARMATURE_WEBHOOK_BREAKER_SECONDS": "1",
            "ARMATURE_LOG_LEVEL": "WARNING",
            **more,
        }
        plane = Plane(started, metadata, db, settings, crash_dir, f"127.0.0.1:{port}")
        await plane.start()
        try:
            yield plane
        finally:
            await plane.stop()
            await db.close()


@pytest.fixture(scope="package")
async def plane(
    started: servers.Started, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Plane]:
    paging.configure(started["internal_secret"])
    port = started["port_base"] + 5
    async with running(started, tmp_path_factory.mktemp("crash"), port) as found:
        yield found


@pytest.fixture
def workspace() -> UUID:
    return ids.new_id()
