"""A consumer whose handler kills its process on one event, for tests that start it again."""

import asyncio
import os
import signal
import sys

from kit import logs
from kit.bus import Bus
from kit.consumer import Consumer, Options
from kit.db import Database, Tx
from kit.envelope import Envelope


async def main(name: str, workspace: str) -> None:
    db = Database(os.environ["DB"], "events")
    bus = Bus(os.environ["NATS"], name)
    await db.open()
    await bus.open()

    async def handle(_: Tx, event: Envelope) -> None:
        if event.document().get("poison") and "CURED" not in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)

    options = Options(name, (f"armature.evt.events.*.{workspace}",), max_deliveries=5)
    await Consumer(options, db, bus, handle, ack_wait=0.5).run()


if __name__ == "__main__":
    logs.configure("killer", "ERROR")
    asyncio.run(main(*sys.argv[1:3]))
