"""Headers that an older release stored in the clear do not stay so."""

import json
import re
from typing import Any
from uuid import UUID

import pytest

from kit import ids
from kit.db import Tx
from kit.masking import MASK
from kit.webhooks import Sealer
from services.automation.operations import sealing as operations
from services.automation.store import sealing as store
from services.automation.workers.sealing import Sealing
from tests.integration.automation.harness import Tenant, eventually

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = {
    "rule_versions": "definition",
    "workflow_versions": "definition",
    "workflows": "draft",
    "steps": "input",
}


def sender(url: str) -> dict[str, Any]:
    """A step deep inside, with a header's value in text and one that is no text."""
    given = {"url": url, "method": "POST", "headers": {"X-Key": "tok-1"}}
    call = {"id": "call", "type": "http_request", "input": given}
    return {"id": "if", "type": "if", "when": "true", "then": [call]}


async def texts(tenant: Tenant) -> dict[str, list[str]]:
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        return await texts_in(tx)


async def texts_in(tx: Tx) -> dict[str, list[str]]:
    return {
        table: [
            row["text"] for row in await tx.all(f"SELECT {column} AS text FROM {table} ORDER BY 1")
        ]
        for table, column in COLUMNS.items()
    }


async def unseal(tx: Tx) -> None:
    """As an older release stored it all; how far the sweep is, is forgotten."""
    for table, column in COLUMNS.items():
        await tx.run(
            f"UPDATE {table} SET {column} = regexp_replace({column},"
            " '\"sealed:[^\"]*\"', '\"tok-1\"', 'g')"
        )
    await tx.run("DELETE FROM header_sweeps")


def in_clear(kept: dict[str, list[str]]) -> dict[str, int]:
    return {table: sum("tok-1" in text for text in found) for table, found in kept.items()}


def sealer(tenant: Tenant) -> Sealer:
    return Sealer(tenant.platform.started["internal_secret"])


async def test_definitions_drafts_and_inputs_are_sealed_and_sent_as_they_were(
    tenant: Tenant,
) -> None:
    path = f"/{ids.new_id()}"
    url = tenant.platform.receiver.url + path
    hook = ("send_webhook", {"url": url, "headers": {"X-Key": "tok-1"}})
    for _ in range(3):
        await tenant.create([hook, ("create_todo", {"title": "x"})])
    flow = await tenant.workflow([sender(url)])
    await tenant.finished(await tenant.happen(), count=3)
    assert (await tenant.until((await tenant.start(flow.id)).id)).state == "succeeded"
    sealed = await texts(tenant)
    clear = {"rule_versions": 3, "workflow_versions": 1, "workflows": 1, "steps": 4}
    # A process goes after three pages; another goes on from there. In one transaction, as workers
    # of other tests may be looking for what is left.
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await unseal(tx)
        assert in_clear(await texts_in(tx)) == clear
        await tx.run(  # nobody can read this one
            "INSERT INTO rule_versions (workspace_id, rule_id, version, owner_id, definition)"
            " VALUES (%s, %s, 1, 'ada', %s)",
            [tenant.workspace_id, UUID(int=1), '{"headers"'],
        )
        for _ in range(3):
            more = await operations.step(
                tx, tenant.workspace_id, store.Part.RULES, sealer(tenant), 1
            )
        assert more
        assert in_clear(await texts_in(tx)) == {**clear, "rule_versions": 1}
    platform = tenant.platform

    async def done() -> bool:
        async with platform.db.transaction(tenant.workspace_id) as tx:
            return not await store.left(tx, tenant.workspace_id)

    async with platform.process("work"):
        await eventually(done, "everything is sealed")
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run("DELETE FROM rule_versions WHERE rule_id = %s", [UUID(int=1)])
    after = await texts(tenant)
    assert in_clear(after) == dict.fromkeys(COLUMNS, 0)
    assert [plain(one) for one in after.values()] == [plain(one) for one in sealed.values()]
    async with platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run("DELETE FROM header_sweeps")
    assert await Sealing(platform.worker_db, platform.db, sealer(tenant), step=2).sweep()
    assert await texts(tenant) == after, "what is sealed stays as it is"

    before = len(platform.receiver.at(path))
    await tenant.finished(await tenant.happen(), count=3)
    run = await tenant.until((await tenant.start(flow.id)).id)
    sent = [one.headers["x-key"] for one in platform.receiver.at(path)[before:]]
    assert sent == ["tok-1"] * 4
    shown = next(json.loads(s.input_json) for s in run.steps if s.path == "if/call")
    assert shown["headers"] == {"X-Key": MASK}


async def test_an_attempt_seals_what_its_step_held_in_the_clear(tenant: Tenant) -> None:
    """Whoever held the run while the sweep passed by stores nothing in the clear after it."""
    path = f"/{ids.new_id()}"
    tenant.platform.receiver.answers[path] = [(503, {"Retry-After": "2"}), (200, {})]
    url = tenant.platform.receiver.url + path
    await tenant.create([("send_webhook", {"url": url, "headers": {"X-Key": "tok-1"}})])
    event = await tenant.happen()

    async def tried() -> bool:
        runs = [await tenant.get(one.id) for one in await tenant.listed(event_id=str(event))]
        return any(a.outcome == "failed" for run in runs for s in run.steps for a in s.attempts)

    await eventually(tried, "the first attempt failed")
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await unseal(tx)
    assert (await tenant.finished(event)).state == "succeeded"
    assert in_clear(await texts(tenant))["steps"] == 0
    assert [one.headers["x-key"] for one in tenant.platform.receiver.at(path)] == ["tok-1"] * 2


def plain(found: list[str]) -> list[Any]:
    """Documents without what differs each time that something is sealed."""
    same = [re.sub(r"sealed:[^\"]*", "sealed", text) for text in found]
    return sorted((json.loads(text) for text in same if text), key=str)
