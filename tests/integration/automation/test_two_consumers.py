"""Record events and all others are taken by two consumers, which work on one workspace at once."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from kit import ids
from services.automation.consumer import NAME
from tests.integration.automation.harness import Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")
BODY = {"title": "{{ trigger.event.type }}", "body": "-"}


async def test_events_of_another_kind_take_no_related_records_away(tenant: Tenant) -> None:
    await tenant.create([("create_note", BODY)], condition={"company.name": "Big"})
    await tenant.workflow(
        [{"id": "note", "type": "create_note", "input": BODY}],
        trigger={"type": "event", "event": "note.created"},
    )
    big = str(ids.new_id())
    tenant.world.fields[big] = {"name": "Big", "score": None, "parent": None}
    # What each consumer needs of the workspace is there.
    await tenant.finished(await tenant.happen(after={"name": "first", "company": big}))
    await tenant.finished(await tenant.announce("note.created", {}))
    tenant.world.fetched.clear()
    event = uuid4()
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        # Its related records are fetched, and then its transaction waits for ours.
        sql = "INSERT INTO inbox (workspace_id, consumer, event_id) VALUES (%s, %s, %s)"
        await tx.run(sql, [tenant.workspace_id, NAME, event])
        waiting = asyncio.create_task(_happen(tenant, event, big))

        async def blocked() -> bool:
            return bool(await tx.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await eventually(blocked, "the record's event waits in its transaction")
        await tenant.finished(await tenant.announce("note.created", {}))
        await tx.run("DELETE FROM inbox WHERE event_id = %s", [event])
    await waiting
    assert (await tenant.finished(event)).state == "succeeded"
    assert len(_mine(tenant)) == 1, "it was judged by what was fetched for it"


async def _happen(tenant: Tenant, event: UUID, company: str) -> None:
    await tenant.happen(after={"name": "second", "company": company}, event_id=event)


def _mine(tenant: Tenant) -> list[Any]:
    return [one for who, one in tenant.world.fetched if who.workspace_id == tenant.workspace_id]
