"""Nothing is lost or doubled when servers and the plane itself are killed during a burst."""

import asyncio
import os
import signal
from uuid import UUID

import pytest

from kit.errors import ServiceError
from tests.integration.events.conftest import Plane
from tests.integration.events.platform import Receiver
from tests.integration.events.test_deliveries import deliveries, subscribe
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
