"""Rollups are recounted bit by bit, and what differs is put right, told of and counted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kit import metrics
from schema import jsonio
from services.records.operations import rollup_checks
from services.records.operations.rollup_checks import recount_some
from services.records.store import rollup_checks as store
from services.records.store.rollup_checks import Due
from services.records.workers.checks import Checker
from tests.integration.field_jobs.client import Client
from tests.integration.field_jobs.test_folding import folder
from tests.integration.field_jobs.test_rollups import (
    FIGURES,
    a_port,
    a_rollup,
    port,
    ports,
    query,
    ready,
)
from tests.services import until


async def kept_as(acme: Client, name: str) -> tuple[UUID, str]:
    """What the figures of a rollup are kept under, and their key in documents."""
    field = (await acme("GetField", object="port", field=name)).field
    sql = "SELECT rollup_id, definition->>'key' AS key FROM rollups"
    [row] = await acme.rows(f"{sql} WHERE definition->>'field_id' = %s", field.id)
    return row["rollup_id"], row["key"]


async def recounted(acme: Client, name: str) -> int:
    """How many records had another figure of that name."""
    own, _ = await kept_as(acme, name)
    left: Due | None = Due(UUID(acme.workspace_id), own, None)
    wrong = 0
    while left is not None:
        workspace = await vars(folder(acme))["_definitions_of"](left.workspace_id)
        some, left = await recount_some(acme.records.app.db, workspace, left)
        wrong += some
    return wrong


async def fleet(acme: Client) -> list[str]:
    """Three ports, the last without a ship, with every kind of figure."""
    await ports(acme)
    found = [await a_port(acme, name) for name in ("Kiel", "Bari", "Lima")]
    for name, settings in FIGURES.items():
        await a_rollup(acme, name, **settings)
    await ready(acme, *FIGURES)

    async def built() -> bool:  # jobs of rollups give figures also after these are ready
        running = "SELECT 1 FROM field_jobs WHERE state NOT IN ('succeeded', 'failed', 'cancelled')"
        return not await acme.rows(running)

    await until(built)
    price = {"amount_micros": 5_000_000, "currency_code": "EUR"}
    for harbour in found[:2]:
        some = {"port": harbour, "price": price, "state": "afloat"}
        await acme.create(tons=7.5, built="1999-01-01", **some)
        await acme.create(tons=2, built="2020-02-02", **some)
        await acme.create(port=harbour)
    found.append(await a_port(acme, "Oslo"))
    return found


async def damage(acme: Client, record_id: str, name: str, value: Any) -> None:
    _, key = await kept_as(acme, name)
    async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.run(
            "UPDATE records SET doc = jsonb_set(doc, ARRAY[%s], %s::jsonb) WHERE record_id = %s",
            [key, jsonio.dumps(value).decode(), UUID(record_id)],
        )


async def folded(acme: Client) -> None:
    async def nothing_waits() -> bool:
        return not await acme.rows("SELECT 1 FROM rollup_deltas")

    await until(nothing_waits)


async def test_what_is_right_is_found_right(acme: Client) -> None:
    await fleet(acme)
    assert {name: await recounted(acme, name) for name in FIGURES} == dict.fromkeys(FIGURES, 0)
    await folded(acme)
    assert {name: await recounted(acme, name) for name in FIGURES} == dict.fromkeys(FIGURES, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ships", 7), ("freight", 7.25), ("worth", None), ("least", 1), ("last_built", "2021-01-01")],
)
async def test_a_figure_that_is_wrong_is_put_right_and_told_of(
    acme: Client, name: str, value: Any
) -> None:
    kiel, bari, *_ = await fleet(acme)
    await folded(acme)
    right = await port(acme, kiel)
    await damage(acme, kiel, name, value)
    assert (await port(acme, kiel))[name] == value
    before = await acme("GetRecord", object="port", id=kiel)
    assert await recounted(acme, name) == 1
    assert await port(acme, kiel) == right == {**(await port(acme, bari)), "name": "Kiel"}
    after = await acme("GetRecord", object="port", id=kiel)
    assert after.record.version == before.record.version + 1
    assert after.record.updated_by.kind == "system"
    assert await query(acme, {name: {"eq": right[name]}}, "name") == ["Bari", "Kiel"]
    assert await recounted(acme, name) == 0


async def test_what_the_next_write_would_add_to_is_put_right_too(acme: Client) -> None:
    kiel, *_ = await fleet(acme)
    await folded(acme)
    right = await port(acme, kiel)
    async with acme.records.app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.run("UPDATE rollup_sums SET count = count + 5 WHERE parent_id = %s", [UUID(kiel)])
    assert await recounted(acme, "ships") == 1
    assert await port(acme, kiel) == right
    assert await query(acme, {"ships": {"gte": 3}}, "name") == ["Bari", "Kiel"]
    await acme.create(port=kiel)
    assert (await port(acme, kiel))["ships"] == right["ships"] + 1


async def test_a_recount_has_one_keeper_and_goes_on_where_it_was_left(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_checks, "AT_ONCE", 1)
    kiel, bari, lima, _ = await fleet(acme)
    await folded(acme)
    await damage(acme, lima, "ships", 9)
    app, (own, _) = acme.records.app, await kept_as(acme, "ships")
    workspace = await vars(folder(acme))["_definitions_of"](UUID(acme.workspace_id))
    begun = Due(UUID(acme.workspace_id), own, None)
    assert await recount_some(app.db, workspace, begun) == (0, begun._replace(after=UUID(kiel)))
    assert await recount_some(app.db, workspace, begun) == (0, None)  # who is overtaken
    async with app.db.transaction(begun.workspace_id) as tx:
        await tx.run("UPDATE rollups SET check_time = now() - interval '11 minutes'")
    found = None
    for _ in range(1000):  # those of other tests may come first
        async with app.worker_db.across_workspaces() as tx:
            found = await store.claim(tx, timedelta(days=1))
        if found is None or found.rollup_id == own:
            break
    assert found == begun._replace(after=UUID(kiel))
    assert await recount_some(app.db, workspace, found) == (0, begun._replace(after=UUID(bari)))
    left = begun._replace(after=UUID(bari))
    assert await recount_some(app.db, workspace, left) == (1, begun._replace(after=UUID(lima)))
    assert (await port(acme, lima))["ships"] == 0


async def test_the_daily_check_recounts_and_counts_what_was_wrong(acme: Client) -> None:
    kiel, *_ = await fleet(acme)
    await folded(acme)
    await damage(acme, kiel, "ships", 9)
    app = acme.records.app
    checker = Checker(
        app.db, app.worker_db, vars(folder(acme))["_definitions_of"], timedelta(days=1)
    )
    async with app.db.transaction(UUID(acme.workspace_id)) as tx:
        await tx.run("UPDATE rollups SET check_time = now() - interval '2 days'")
    before = metrics.KEPT_WRONG.labels("rollup")._value.get()  # noqa: SLF001
    while await checker.check_some():
        pass
    assert metrics.KEPT_WRONG.labels("rollup")._value.get() == before + 1  # noqa: SLF001
    assert (await port(acme, kiel))["ships"] == 3
