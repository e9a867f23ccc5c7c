"""A process of its own that writes two records in one transaction, for a test to kill:
`python -m tests.integration.records.writer <url> <workspace> <crash directory> <record>`."""

import asyncio
import sys
from uuid import UUID

from kit import crash
from kit.caller import Caller
from kit.db import Database
from services.records.model import Item
from services.records.operations import targets, writes
from tests.integration.records.world import definitions


async def main(url: str, workspace: str, crash_dir: str, record: str) -> None:
    crash.configure(crash_dir)
    workspace_id = UUID(workspace)
    known = definitions(workspace_id)
    caller = Caller(workspace_id, "ada", "user", "Ada", frozenset({"write"}), role="member")
    target = targets.Target(caller, known, known.objects["deal"])
    changed = {"name": "changed", "code": "changed", "stage": "lost", "n": 5}
    new = {"name": "new", "code": "new", "stage": "lost", "n": 7}
    db = Database(url, "records", size=1)
    await db.open()
    async with db.transaction(workspace_id) as tx:
        await writes.create(tx, target, [Item("", new)])
        await writes.update(tx, target, [Item(record, changed)])
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
