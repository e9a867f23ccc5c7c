"""An event that kills who takes it becomes a dead letter, and holds nobody else."""

import asyncio
import os
import sys
from typing import Any
from uuid import UUID

from armature.events.v1 import event_admin_service_pb2 as admin

from kit import ids
from tests.integration.events.conftest import As, Plane
from tests.integration.kit.helpers import ROOT, eventually


async def done(plane: Plane, workspace: UUID, name: str) -> set[UUID]:
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all(
            "SELECT event_id FROM inbox WHERE workspace_id = %s AND consumer = %s",
            [workspace, name],
        )
    return {row["event_id"] for row in rows}


async def letters(caller: As, **wanted: Any) -> list[Any]:
    request = admin.ListDeadLettersRequest(filter=admin.DeadLetterFilter(**wanted))
    return list((await caller.call(caller.admin.ListDeadLetters, request)).dead_letters)


async def test_an_event_that_kills_is_buried_and_all_others_are_done(
    plane: Plane, workspace: UUID
) -> None:
    caller, name = plane.a(workspace), f"killer-{ids.new_id().hex[-8:]}"
    good: list[UUID] = []
    for n in range(30):
        # Too large for one message too: its letter does not hold it, and the log does.
        data: dict[str, Any] = {"poison": True, "text": "x" * 400_000} if n == 11 else {}
        made = await plane.emit(workspace, "record.updated", data=data)
        good += [] if n == 11 else made
        if n == 11:
            (bad,) = made
    deaths = 0
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "DB": plane.settings["ARMATURE_DATABASE_URL"],
        "NATS": plane.settings["ARMATURE_NATS_URL"],
    }

    async def keep_running(**more: str) -> None:
        nonlocal deaths
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.events.killer", name, str(workspace),
                cwd=ROOT, env=env | more,
            )  # fmt: skip
            try:
                await process.wait()
                deaths += 1
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    running = asyncio.create_task(keep_running())

    async def buried() -> bool:
        return bool(await letters(caller, kind=name))

    await eventually(buried, "the poison is a dead letter", 60)
    (letter,) = await letters(caller, kind=name)
    assert (letter.event_id, letter.attempts, letter.state) == (str(bad), 5, "open")
    assert "may kill" in letter.reason

    async def all_done() -> bool:
        return await done(plane, workspace, name) >= set(good)

    await eventually(all_done, "all others are processed", 30)
    assert deaths <= 5
    assert bad not in await done(plane, workspace, name)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    running = asyncio.create_task(keep_running(CURED="1"))
    replay = admin.ReplayDeadLetterRequest(id=letter.id, request_id=str(ids.new_id()))
    await caller.call(caller.admin.ReplayDeadLetter, replay)

    async def cured() -> bool:
        return bad in await done(plane, workspace, name)

    await eventually(cured, "the replayed event is processed", 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
