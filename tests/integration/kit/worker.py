"""A relay or a consumer as a process that tests can kill."""

import asyncio
import os
import signal
import sys

from kit import crash, logs
from kit.bus import Bus
from kit.consumer import Consumer, Options
from kit.db import Database, Tx
from kit.envelope import Envelope
from kit.relay import Relay
from tests.integration.kit.conftest import PLANE


async def leave_effect(tx: Tx, event: Envelope) -> None:
    await tx.run(
        "INSERT INTO effects (workspace_id, event_id, aggregate_id, aggregate_version)"
        " VALUES (%s, %s, %s, %s)",
        [event.workspace_id, event.id, event.aggregate_id, event.aggregate_version],
    )


async def main(role: str, name: str) -> None:
    crash.configure(os.environ["CRASH_DIR"])
    db = Database(os.environ["DB"], PLANE)
    worker = Database(os.environ["WORKER_DB"], PLANE)
    bus = Bus(os.environ["NATS"], role)
    await db.open()
    await worker.open()
    await bus.open()
    if role == "relay":
        work = Relay(PLANE, worker, bus, lease_seconds=float(os.environ["LEASE"])).run()
    else:
        subjects = (f"armature.evt.{PLANE}.>",)
        work = Consumer(Options(name, subjects), db, bus, leave_effect, ack_wait=4.0).run()
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()
    await db.close()
    await worker.close()


if __name__ == "__main__":
    logs.configure("test", "WARNING")
    asyncio.run(main(*sys.argv[1:3]))
