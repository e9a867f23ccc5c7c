"""Nothing is lost or doubled when servers and the plane itself are killed during a burst."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from uuid import UUID

import pytest

from cli import events as rebuild
from kit.errors import ServiceError
from tests.integration.events.conftest import Plane
from tests.integration.events.hooks import deliveries, subscribe
from tests.integration.events.platform import Receiver
from tests.integration.events.test_log import listed
from tests.integration.kit.helpers import eventually


@pytest.mark.chaos
async def test_a_burst_survives_the_death_of_everything(plane: Plane, workspace: UUID) -> None:
    caller, count = plane.a(workspace), 300
    async with Receiver().running() as receiver:
        await subscribe(caller, receiver.url)

        async def emit_all() -> None:
            done = 0
            while done < count:
                try:
                    await plane.emit(workspace, "record.updated")
                    done += 1
                except ServiceError:
                    await asyncio.sleep(0.1)  # Postgres is away

        async def kill(name: str, when: int) -> None:
            async def reached() -> bool:
                return len(receiver.got) >= when

            await eventually(reached, f"{when} webhooks before {name} dies")
            before = int(plane.started["processes"][name]["pid"])
            os.kill(before, signal.SIGKILL)

            async def back() -> bool:
                return int(plane.started["processes"][name]["pid"]) != before

            await eventually(back, f"{name} is back")

        async def kill_all() -> None:
            await kill("nats", 30)
            await kill("postgres", 90)
            assert plane.process is not None
            plane.process.kill()
            await plane.died()

        await asyncio.gather(emit_all(), kill_all())

        wanted: list[str] = []

        async def counted() -> bool:
            try:
                async with plane.db.transaction(workspace) as tx:
                    rows = await tx.all("SELECT event_id FROM outbox WHERE object = 'deal'")
            except ServiceError:
                return False  # a connection from before Postgres died
            wanted.extend(sorted(str(row["event_id"]) for row in rows))
            return True

        await eventually(counted, "Postgres answers again")
        assert len(wanted) >= count

        async def finished() -> bool:
            try:
                return len(await deliveries(caller, state="succeeded")) >= len(wanted)
            except ServiceError:
                return False

        await eventually(finished, "every delivery succeeds", 120)
        logged = await listed(caller, types=["record.*"])
        assert sorted(e.id for e in logged) == wanted
        assert sorted(d.event_id for d in await deliveries(caller)) == wanted
        assert {one.headers["webhook-id"] for one in receiver.got} == set(wanted)


def store_of(pid: int) -> Path:
    """Where a NATS server keeps its streams."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return Path(command[command.index(b"--config") + 1].decode()).parent / "nats"


@pytest.mark.chaos
async def test_a_wiped_volume_is_filled_again_from_the_outbox(
    plane: Plane, workspace: UUID
) -> None:
    caller, count = plane.a(workspace), 200
    async with Receiver().running() as receiver:
        await subscribe(caller, receiver.url)
        made: list[UUID] = []

        async def emit_all() -> None:
            for _ in range(count):
                made.extend(await plane.emit(workspace, "record.updated"))

        async def wipe() -> None:
            async def some() -> bool:
                return len(made) >= count // 3

            await eventually(some, "the burst is under way")
            pid = int(plane.started["processes"]["nats"]["pid"])
            os.kill(pid, signal.SIGSTOP)  # so that it writes nothing more
            shutil.rmtree(store_of(pid))
            os.kill(pid, signal.SIGKILL)

        await asyncio.gather(emit_all(), wipe())
        wanted = sorted(str(one) for one in made)

        async def finished() -> bool:
            return len(await deliveries(caller, state="succeeded")) >= count

        await eventually(finished, "every delivery succeeds", 60)

        async def each_once() -> None:
            logged = await listed(caller, types=["record.*"])
            assert sorted(e.id for e in logged) == wanted
            assert sorted(d.event_id for d in await deliveries(caller)) == wanted

        await each_once()
        # And once more, because somebody asks for it.
        (answer,) = await rebuild.ask(plane.started["nats"]["url"], ["events"], 72)
        assert answer["rows"] >= count

        async def drained() -> bool:
            async with plane.db.transaction(workspace) as tx:
                sql = "SELECT count(*) = 0 FROM outbox WHERE published_at IS NULL"
                return bool(await tx.value(sql))

        await eventually(drained, "all is published again")
        (last,) = await plane.emit(workspace, "record.updated")
        wanted = sorted([*wanted, str(last)])

        async def passed() -> bool:
            return len(await deliveries(caller, state="succeeded")) > count

        await eventually(passed, "what came after the repeats is through")
        await each_once()
