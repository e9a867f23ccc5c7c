"""The log has every event once, in commit order, and is watched without gap or repeat."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from armature.events.v1 import event_service_pb2 as pb

from kit import clients, ids
from kit.db import Database
from kit.errors import InvalidArgument, NotFound, PermissionDenied
from services.events.store import log as store
from tests.integration.events.conftest import As, Plane
from tests.integration.kit.helpers import eventually


async def listed(caller: As, **wanted: Any) -> list[Any]:
    request = pb.ListEventsRequest(filter=pb.EventFilter(**wanted), page_size=1000)
    return list((await caller.call(caller.events.ListEvents, request)).events)


async def logged(caller: As, count: int) -> list[Any]:
    async def there() -> bool:
        return len(await listed(caller)) >= count

    await eventually(there, f"{count} events in the log")
    return await listed(caller)


async def test_a_change_is_logged_whole_and_found_by_every_filter(
    plane: Plane, workspace: UUID
) -> None:
    caller, one = plane.a(workspace), ids.new_id()
    first, second = await plane.emit(
        workspace, "record.created", "record.updated", aggregate=one, data={"record_id": str(one)}
    )
    await plane.emit(workspace, "link_type.created", object="")
    events = await logged(caller, 3)
    assert [e.type for e in events[:2]] == ["record.created", "record.updated"]
    assert events[0].data_json == b'{"record_id":"%s"}' % str(one).encode()
    assert (events[0].actor.name, events[0].source) == ("Ada", "events")
    assert events[0].root_id == str(first)
    for wanted, count in (
        ({"types": ["record.created"]}, 1),
        ({"types": ["RecordCreated", "LinkTypeCreated"]}, 2),
        ({"types": ["record.*"]}, 2),
        ({"types": ["*.created"]}, 2),
        ({"types": ["*"]}, 3),
        ({"types": ["recordx.created"]}, 0),
        ({"object": "deal"}, 2),
        ({"aggregate_id": str(one)}, 2),
        ({"actor_id": "ada"}, 3),
        ({"root_id": str(second)}, 1),
        ({"trace_id": "0" * 32}, 0),
    ):
        assert len(await listed(caller, **wanted)) == count, wanted
    got = await caller.call(caller.events.GetEvent, pb.GetEventRequest(id=str(second)))
    assert got.event == events[1]


async def test_a_record_stands_in_the_log_in_order_whatever_comes_first(
    plane: Plane, workspace: UUID
) -> None:
    caller, one, other = plane.a(workspace), ids.new_id(), ids.new_id()
    third = await plane.emit(workspace, "record.updated", aggregate=one, version=3)
    second = await plane.emit(workspace, "record.updated", aggregate=one, version=2)
    await plane.emit(workspace, "record.created", aggregate=other)
    first = await plane.emit(workspace, "record.created", aggregate=one)
    events = await logged(caller, 4)
    found = [e.id for e in events if e.aggregate_id == str(one)]
    assert found == [str(e) for e in (*first, *second, *third)]


async def test_pages_follow_one_another_in_both_directions(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    await plane.emit(workspace, *["record.updated"] * 25)
    whole = [e.id for e in await logged(caller, 25)]
    for newest_first in (False, True):
        found: list[str] = []
        token = ""
        while True:
            request = pb.ListEventsRequest(
                page_size=10, page_token=token, newest_first=newest_first
            )
            page = await caller.call(caller.events.ListEvents, request)
            found += [e.id for e in page.events]
            token = page.next_page_token
            if not token:
                break
        assert found == (whole[::-1] if newest_first else whole)
    foreign = pb.ListEventsRequest(page_token=token or "bogus")
    with pytest.raises(InvalidArgument):
        await caller.call(caller.events.ListEvents, foreign)


async def test_other_workspaces_see_nothing_and_bad_requests_are_named(
    plane: Plane, workspace: UUID
) -> None:
    (event_id,) = await plane.emit(workspace, "record.created")
    await logged(plane.a(workspace), 1)
    other = plane.a(ids.new_id())
    assert await listed(other) == []
    for unknown in (str(event_id), str(ids.new_id())):
        with pytest.raises(NotFound, match="there is no event"):
            await other.call(other.events.GetEvent, pb.GetEventRequest(id=unknown))
    with pytest.raises(InvalidArgument) as caught:
        await listed(other, types=["re cord"], aggregate_id="x")
    assert caught.value.reason == "EVENT_FILTER_INVALID"
    assert caught.value.violations[0].path == "filter.types.0"


async def test_row_security_holds_even_without_a_predicate(plane: Plane, workspace: UUID) -> None:
    await plane.emit(workspace, "record.created")
    await logged(plane.a(workspace), 1)
    async with plane.db.transaction(ids.new_id()) as tx:
        assert await tx.value("SELECT count(*) FROM domain_events") == 0
    url = plane.started["postgres"]["roles"]["armature_events_worker"]
    worker = Database(url, "events")
    await worker.open()
    async with worker.across_workspaces() as tx:
        assert await tx.value("SELECT count(*) FROM domain_events") == 0
        assert await tx.value("SELECT count(*) FROM subscription_secrets") == 0
        assert await tx.value("SELECT count(*) FROM deliveries") == 0
    await worker.close()


async def test_a_read_only_caller_reads_the_log_and_no_dead_letters(
    plane: Plane, workspace: UUID
) -> None:
    from armature.events.v1 import event_admin_service_pb2 as admin

    reader = plane.a(workspace, "read_only")
    assert await listed(reader) == []
    with pytest.raises(PermissionDenied):
        await reader.call(reader.admin.ListDeadLetters, admin.ListDeadLettersRequest())


async def watch(caller: As, count: int, **request: Any) -> tuple[list[str], str]:
    """The ids of the next events, and the cursor behind them."""
    found: list[str] = []
    cursor = ""
    calling = caller.events.WatchEvents(
        pb.WatchEventsRequest(**request), metadata=clients.metadata(caller.credential)
    )
    async for one in calling:
        cursor = one.cursor
        if one.HasField("event"):
            found.append(one.event.id)
        if len(found) >= count:
            break
    calling.cancel()
    return found, cursor


async def test_a_watch_has_no_gap_and_no_repeat_while_late_commits_append(
    plane: Plane, workspace: UUID
) -> None:
    caller, per_writer, writers = plane.a(workspace), 40, 5
    appended: list[list[str]] = [[] for _ in range(writers)]

    async def append(number: int) -> None:
        for n in range(per_writer):
            event_id = ids.new_id()
            about = (event_id, "record.updated", "test", "record", event_id, n, "", 1, "{}", "{}")
            row = (*about, "", "", "", "", 0, await now(plane.db))
            async with plane.db.transaction(workspace) as tx:
                await store.append(tx, workspace, [row])
                if n % 5 == number:  # stall between the insert and the commit
                    await tx.run("SELECT pg_sleep(0.02)")
            appended[number].append(str(event_id))

    seen: list[str] = []

    async def read() -> None:
        cursor = ""
        total = per_writer * writers
        while len(seen) < total:  # reconnects again and again
            part, cursor = await watch(
                caller, min(17, total - len(seen)), after=cursor, from_start=not cursor
            )
            seen.extend(part)

    await asyncio.wait_for(asyncio.gather(read(), *(append(n) for n in range(writers))), 60)
    assert len(seen) == len(set(seen)) == per_writer * writers
    for one in appended:
        assert [event_id for event_id in seen if event_id in one] == one


async def now(db: Database) -> Any:
    async with db.transaction(ids.new_id()) as tx:
        return await tx.value("SELECT now()")


async def test_a_watch_begins_with_what_comes_next_and_is_quick(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    await plane.emit(workspace, "record.created")
    await logged(caller, 1)
    calling: Any = caller.events.WatchEvents(
        pb.WatchEventsRequest(), metadata=clients.metadata(caller.credential)
    )
    assert not (await calling.read()).HasField("event")
    (event_id,) = await plane.emit(workspace, "record.updated")
    one = await asyncio.wait_for(calling.read(), 5)
    assert one.event.id == str(event_id)
    calling.cancel()


async def test_a_watch_begins_behind_any_event(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    await plane.emit(workspace, *["record.updated"] * 5)
    events = await logged(caller, 5)
    for number, event in enumerate(events[:-1], start=1):
        found, _ = await watch(caller, 5 - number, after_position=event.position)
        assert found == [one.id for one in events[number:]]
