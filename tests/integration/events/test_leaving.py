"""A process that is asked to leave does, also while a server that it uses stands still."""

import asyncio
import os
import signal
from pathlib import Path
from uuid import UUID

from cli.stack import servers
from tests.integration.events.conftest import Plane, running
from tests.integration.events.hooks import in_state, subscribe
from tests.integration.events.platform import Receiver


async def test_sigterm_ends_a_process_while_nats_stands_still(
    started: servers.Started, plane: Plane, tmp_path: Path, workspace: UUID
) -> None:
    await plane.stop()
    nats = int(started["processes"]["nats"]["pid"])
    port = started["port_base"] + 6
    async with (
        running(started, tmp_path, port, ARMATURE_GRACE_SECONDS="1") as leaving,
        Receiver().running() as receiver,
    ):
        caller = leaving.a(workspace)
        await subscribe(caller, receiver.url)
        await leaving.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 1)
        assert leaving.process is not None
        os.kill(nats, signal.SIGSTOP)
        try:
            leaving.process.terminate()
            await asyncio.wait_for(leaving.process.wait(), 20)
        finally:
            os.kill(nats, signal.SIGCONT)
    await plane.start()
