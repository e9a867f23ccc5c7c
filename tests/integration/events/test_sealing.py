"""Header values that were stored before values were sealed do not stay in the clear."""

import asyncio
import json
from collections import Counter
from uuid import UUID

import pytest

from kit.db import Database
from kit.webhooks import Sealer, is_sealed
from services.events.workers import sealing
from tests.integration.events.conftest import Plane
from tests.integration.events.hooks import change, in_state, subscribe, subscription
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


async def kept(plane: Plane, workspace: UUID) -> list[dict[str, str]]:
    async with plane.db.transaction(workspace) as tx:
        rows = await tx.all("SELECT headers FROM subscriptions ORDER BY id")
    return [json.loads(row["headers"]) for row in rows if row["headers"] != "none"]


async def write(plane: Plane, workspace: UUID, subscription_id: str, text: str) -> None:
    """As an older release, or nobody, has stored it."""
    async with plane.db.transaction(workspace) as tx:
        sql = "UPDATE subscriptions SET headers = %s WHERE id = %s"
        await tx.run(sql, [text, subscription_id])


async def test_what_was_stored_in_the_clear_is_sealed_at_the_next_start_and_sent_as_it_was(
    plane: Plane, workspace: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_PAGE", 2)
    caller = plane.a(workspace)
    async with Receiver().running() as receiver:
        mine = {"X-Old": "tok-old", "X-New": "tok-new"}
        broken = (await subscribe(caller, receiver.url))[0].id
        await write(plane, workspace, broken, "none")
        made = [(await subscribe(caller, receiver.url, headers=mine))[0].id for _ in range(5)]
        before = await kept(plane, workspace)
        for one, headers in zip(made[:4], before, strict=False):
            await write(plane, workspace, one, json.dumps({**headers, "X-Old": "tok-old"}))
        then = await subscription(caller, made[0])
        worker_db = Database(plane.settings["ARMATURE_WORKER_DATABASE_URL"], "events")
        await worker_db.open()
        working = asyncio.create_task(
            sealing.Sealing(
                plane.db, worker_db, Sealer(plane.settings["ARMATURE_INTERNAL_SECRET"])
            ).run()
        )

        async def shut() -> bool:
            return all(is_sealed(v) for one in await kept(plane, workspace) for v in one.values())

        await eventually(shut, "every value is sealed")
        assert not working.done(), "an end would end the service"
        await write(plane, workspace, broken, "{}")
        working.cancel()
        await worker_db.close()
        after = (await kept(plane, workspace))[1:]
        assert [one["X-New"] for one in after] == [one["X-New"] for one in before]
        assert after[4] == before[4], "what was sealed stays as it is"
        assert await subscription(caller, made[0]) == then, "nobody changed it"
        await change(caller, made[0], name="other", headers=dict.fromkeys(mine, "********"))
        await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 6)
        sent = Counter((one.headers.get("x-old"), one.headers.get("x-new")) for one in receiver.got)
        assert sent == {("tok-old", "tok-new"): 5, (None, None): 1}
