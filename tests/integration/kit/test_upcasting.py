"""Data of an old form reaches handlers in the form of today."""

from typing import Any

import pytest

from kit import ids, outbox, upcasting
from kit.bus import Bus
from kit.consumer import Options
from kit.db import Database, Tx
from kit.envelope import Envelope
from tests.integration.kit.helpers import caller, eventually
from tests.integration.kit.test_consumer import SUBJECTS, a_name, consuming, publish


def named(data: dict[str, Any]) -> dict[str, Any]:
    """From the first form to the second: a name in two parts became one."""
    return {"name": f"{data['first']} {data['last']}"}


def ranked(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"rank": 0}


async def test_old_data_is_raised_step_by_step_before_a_handler_sees_it(
    databases: tuple[Database, Database], bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {("thing.recast", 1): named, ("thing.recast", 2): ranked}
    monkeypatch.setattr(upcasting, "STEPS", steps)
    db, _ = databases
    workspace, one = ids.new_id(), ids.new_id()
    forms: list[tuple[int, Any]] = [
        (1, {"first": "Ada", "last": "Lovelace"}),
        (2, {"name": "Ada Lovelace"}),
        (3, {"name": "Ada Lovelace", "rank": 7}),
        (4, {"of": "a release that is newer than this code"}),
    ]
    async with db.transaction(workspace) as tx:
        made = (
            outbox.Event("thing.recast", "thing", one, number, data, schema_version=form)
            for number, (form, data) in enumerate(forms, start=1)
        )
        await outbox.add(tx, caller(workspace), *made)
    await publish(databases, bus)
    seen: list[tuple[int, Any]] = []

    async def see(_tx: Tx, event: Envelope) -> None:
        if event.workspace_id == workspace:
            seen.append((event.schema_version, event.document()))

    async with consuming(databases, bus, see, Options(a_name(), SUBJECTS)):

        async def all_seen() -> bool:
            return len(seen) == len(forms)

        await eventually(all_seen, "every form is seen")
    assert seen == [
        (3, {"name": "Ada Lovelace", "rank": 0}),
        (3, {"name": "Ada Lovelace", "rank": 0}),
        (3, {"name": "Ada Lovelace", "rank": 7}),
        (4, {"of": "a release that is newer than this code"}),
    ]
