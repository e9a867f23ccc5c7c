"""Many things done again: dead letters, history, what was missed; at a rate, across deaths."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from armature.events.v1 import event_admin_service_pb2 as admin
from armature.events.v1 import replay_service_pb2 as pb

from kit import ids
from kit.clock import to_timestamp
from kit.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from tests.integration.events.conftest import As, Plane
from tests.integration.events.hooks import change, deliveries, in_state, subscribe
from tests.integration.events.platform import Receiver
from tests.integration.events.test_log import logged
from tests.integration.kit.helpers import eventually

LONG_AGO = to_timestamp(datetime(2020, 1, 1, tzinfo=UTC))


async def ended(caller: As, replay_id: str, seconds: float = 30) -> Any:
    request = pb.GetReplayRequest(id=replay_id)

    async def over() -> bool:
        found = (await caller.call(caller.replays.GetReplay, request)).replay
        return bool(found.state != "running")

    await eventually(over, "the replay ends", seconds)
    return (await caller.call(caller.replays.GetReplay, request)).replay


async def letters_of(caller: As, state: str) -> list[Any]:
    request = admin.ListDeadLettersRequest(state=state, page_size=1000)
    return list((await caller.call(caller.admin.ListDeadLetters, request)).dead_letters)


async def test_letters_are_replayed_by_filter_across_a_death(plane: Plane, workspace: UUID) -> None:
    caller, status = plane.a(workspace), [400]
    async with Receiver(lambda _: (status[0], {})).running() as one, Receiver().running() as two:
        made, _ = await subscribe(caller, one.url)
        await subscribe(caller, two.url, "nothing.happened")
        await plane.emit(workspace, *["record.updated"] * 12, "record.created")
        await in_state(caller, "dead", 13)
        assert len(await letters_of(caller, "open")) == 13
        status[0] = 200
        wanted = admin.DeadLetterFilter(
            kind="delivery", event_type="record.updated", subscription_id=made.id, reason="ANSWERED"
        )
        request = pb.ReplayDeadLettersRequest(filter=wanted, dry_run=True)
        counted = (await caller.call(caller.replays.ReplayDeadLetters, request)).replay
        assert (counted.id, counted.total) == ("", 12)
        assert len(await letters_of(caller, "open")) == 13

        (plane.crash_dir / "replay.before_settle").touch()
        request = pb.ReplayDeadLettersRequest(filter=wanted, rate=200, request_id=str(ids.new_id()))
        begun = (await caller.call(caller.replays.ReplayDeadLetters, request)).replay
        again = (await caller.call(caller.replays.ReplayDeadLetters, request)).replay
        assert again.id == begun.id
        await plane.died()
        done = await ended(caller, begun.id, 60)
        assert (done.state, done.seen, done.done, done.failed) == ("succeeded", 12, 12, 0)
        await in_state(caller, "succeeded", 12)
        assert len(await letters_of(caller, "open")) == 1
        assert len(await letters_of(caller, "replayed")) == 12


async def test_a_filter_of_letters_names_what_there_is(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    await plane.emit(workspace, "record.created", "custom.shipped")
    await logged(caller, 2)

    async def counted(**wanted: Any) -> int:
        request = pb.ReplayDeadLettersRequest(filter=admin.DeadLetterFilter(**wanted), dry_run=True)
        return int((await caller.call(caller.replays.ReplayDeadLetters, request)).replay.total)

    assert await counted(kind="delivery", event_type="custom.shipped") == 0
    assert await counted(kind="links-projector") == 0
    assert await counted(from_time=LONG_AGO, to_time=LONG_AGO) == 0
    later = to_timestamp(datetime(2020, 1, 2, tzinfo=UTC))
    for wanted, path, code, told in (
        ({"kind": "delivry"}, "filter.kind", "UNKNOWN_KIND", "did you mean 'delivery'"),
        ({"kind": "links-projectr"}, "filter.kind", "UNKNOWN_KIND", "'links-projector'"),
        ({"event_type": "custom.shiped"}, "filter.event_type", "UNKNOWN_TYPE", "'custom.shipped'"),
        ({"event_type": "record.*"}, "filter.event_type", "UNKNOWN_TYPE", "was no event"),
        ({"from_time": later, "to_time": LONG_AGO}, "filter.to_time", "OUT_OF_RANGE", "before"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            await counted(**wanted)
        assert caught.value.reason == "EVENT_FILTER_INVALID"
        assert [(v.path, v.code) for v in caught.value.violations] == [(path, code)]
        assert told in caught.value.message


async def test_what_was_missed_is_recovered_and_nothing_else(plane: Plane, workspace: UUID) -> None:
    caller, status = plane.a(workspace), [200]
    async with Receiver(lambda _: (status[0], {})).running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        (fine,) = await plane.emit(workspace, "record.created")
        await in_state(caller, "succeeded", 1)
        status[0] = 400
        dead = await plane.emit(workspace, "record.updated", "record.updated")
        await in_state(caller, "dead", 2)
        await change(caller, made.id, state="disabled")
        missed = await plane.emit(workspace, "record.deleted")
        await plane.emit(workspace, "note.created")
        await logged(caller, 7)
        status[0] = 200
        await change(caller, made.id, state="enabled")
        receiver.got.clear()
        request = pb.RecoverDeliveriesRequest(subscription_id=made.id, from_time=LONG_AGO)
        begun = (await caller.call(caller.replays.RecoverDeliveries, request)).replay
        done = await ended(caller, begun.id)
        assert (done.state, done.done) == ("succeeded", 3)
        await in_state(caller, "succeeded", 4)
        got = {one.headers["webhook-id"] for one in receiver.got}
        assert got == {str(one) for one in [*dead, *missed]}
        assert str(fine) not in got


async def test_history_is_sent_from_before_the_subscription_and_can_be_cancelled(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    old = await plane.emit(workspace, *["record.updated"] * 5, "record.deleted")
    await logged(caller, 6)
    async with Receiver().running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        request = pb.ReplayEventsRequest(
            subscription_id=made.id, types=["record.updated"], from_time=LONG_AGO
        )
        request.dry_run = True
        assert (await caller.call(caller.replays.ReplayEvents, request)).replay.total == 5
        request.dry_run = False
        for times in (1, 2):  # a second time sends them once more
            begun = (await caller.call(caller.replays.ReplayEvents, request)).replay
            done = await ended(caller, begun.id)
            assert (done.state, done.done, done.total) == ("succeeded", 5, 5)

            async def sent(count: int = 5 * times) -> bool:
                return len(receiver.got) >= count

            await eventually(sent, "the history arrives")
        got = sorted(one.headers["webhook-id"] for one in receiver.got)
        assert got == sorted([str(one) for one in old[:5]] * 2)

        request.rate = 1
        slow = (await caller.call(caller.replays.ReplayEvents, request)).replay
        cancel = pb.CancelReplayRequest(id=slow.id)
        over = (await caller.call(caller.replays.CancelReplay, cancel)).replay
        assert over.state == "cancelled"
        assert over.seen < 5
        with pytest.raises(FailedPrecondition):
            await caller.call(caller.replays.CancelReplay, cancel)
        listing = pb.ListReplaysRequest(page_size=2)
        page = await caller.call(caller.replays.ListReplays, listing)
        assert page.replays[0].id == slow.id
        assert page.next_page_token


async def test_a_replay_is_paced(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    await plane.emit(workspace, *["record.updated"] * 6)
    await logged(caller, 6)
    async with Receiver().running() as receiver:
        made, _ = await subscribe(caller, receiver.url)
        request = pb.ReplayEventsRequest(subscription_id=made.id, rate=4)
        begun = (await caller.call(caller.replays.ReplayEvents, request)).replay
        await ended(caller, begun.id)
        await in_state(caller, "succeeded", 6)
        assert receiver.got[-1].at - receiver.got[0].at >= 0.6


async def test_bad_replays_are_refused(plane: Plane, workspace: UUID) -> None:
    caller = plane.a(workspace)
    unknown = str(ids.new_id())
    with pytest.raises(NotFound, match="subscription"):
        await caller.call(
            caller.replays.ReplayEvents, pb.ReplayEventsRequest(subscription_id=unknown)
        )
    with pytest.raises(InvalidArgument):
        await caller.call(
            caller.replays.RecoverDeliveries, pb.RecoverDeliveriesRequest(subscription_id=unknown)
        )
    with pytest.raises(InvalidArgument):
        await caller.call(
            caller.replays.ReplayEvents,
            pb.ReplayEventsRequest(subscription_id=unknown, types=["no good"]),
        )
    with pytest.raises(NotFound):
        await caller.call(caller.replays.GetReplay, pb.GetReplayRequest(id=unknown))
    member = plane.a(workspace, "member")
    with pytest.raises(PermissionDenied):
        await member.call(member.replays.ReplayDeadLetters, pb.ReplayDeadLettersRequest())


async def test_updates_within_the_window_become_one_delivery(plane: Plane, workspace: UUID) -> None:
    caller, record, other = plane.a(workspace), ids.new_id(), ids.new_id()
    async with Receiver().running() as receiver:
        made, _ = await subscribe(caller, receiver.url, coalesce_seconds=60)

        def data(stage: str, was: str, size: int, before: int) -> dict[str, Any]:
            return {
                "record_id": str(record), "changed_fields": ["stage", "size"],
                "before": {"stage": was, "size": before}, "after": {"stage": stage, "size": size},
                "fields": {"stage": stage, "size": size, "name": "kept"},
            }  # fmt: skip

        updates: list[UUID] = []
        changes = [("b", "a", 2, 1), ("c", "b", 3, 2), ("d", "c", 1, 3)]
        for version, values in enumerate(changes, start=1):
            updates += await plane.emit(
                workspace, "record.updated", aggregate=record, version=version, data=data(*values)
            )
        await plane.emit(workspace, "record.updated", aggregate=other)
        await in_state(caller, "merged", 2)
        assert len(await in_state(caller, "pending", 2)) == 2
        assert receiver.got == []
        # What is no update ends the window, and comes by itself.
        await plane.emit(workspace, "record.deleted", aggregate=record, version=4)
        await in_state(caller, "succeeded", 2)
        by_type = {one.document["type"]: one for one in receiver.got}
        body: Any = by_type["record.updated"].document["data"]
        assert body["versions"] == [1, 2, 3]
        assert body["event_ids"] == [str(one) for one in updates]
        assert body["changed_fields"] == ["stage"], "the size came back to what it was"
        assert (body["before"], body["after"]) == ({"stage": "a"}, {"stage": "d"})
        assert body["fields"]["name"] == "kept"
        assert by_type["record.updated"].headers["webhook-id"] == str(updates[0])
        merged = await deliveries(caller, state="merged")
        (carrier,) = [d for d in await deliveries(caller) if d.event_id == str(updates[0])]
        assert {d.merged_into for d in merged} == {carrier.id}
        # The window of the other one ends by its time: moved there.
        async with plane.db.transaction(workspace) as tx:
            moved = await tx.run("UPDATE delivery_queue SET due_time = now()")
            await tx.run("UPDATE delivery_lanes SET next_due = now()")
        assert moved == 1
        await in_state(caller, "succeeded", 3)
        await change(caller, made.id, coalesce_seconds=0)


async def test_causality_is_a_tree_around_event_record_and_run(
    plane: Plane, workspace: UUID
) -> None:
    from armature.events.v1 import event_service_pb2 as events_pb

    from kit import outbox
    from kit.caller import Caller, Cause

    caller, record, run = plane.a(workspace), ids.new_id(), ids.new_id()
    (root,) = await plane.emit(workspace, "record.created", aggregate=record)

    async def caused(kind: str, aggregate: UUID, by: UUID, depth: int) -> UUID:
        cause = Cause(str(root), str(by), depth, ())
        made = outbox.Event(kind, kind.partition(".")[0], aggregate, 1, {})
        async with plane.db.transaction(workspace) as tx:
            who = Caller(workspace, "ada", "user", "Ada", cause=cause)
            await outbox.add(tx, who, made)
        return made.event_id

    todo = await caused("todo.created", ids.new_id(), root, 1)
    note = await caused("note.created", ids.new_id(), todo, 2)
    finished = await caused("run.succeeded", run, root, 1)
    await plane.emit(workspace, "record.created")
    await logged(caller, 5)

    async def tree(**asked: str) -> list[tuple[str, str, int]]:
        request = events_pb.GetCausalityRequest(**asked)
        answer = await caller.call(caller.events.GetCausality, request)
        assert not answer.truncated
        return [(n.event.id, n.parent_id, n.level) for n in answer.nodes]

    wanted = {
        (str(root), "", 0),
        (str(todo), str(root), 1),
        (str(note), str(todo), 2),
        (str(finished), str(root), 1),
    }
    for asked in ({"event_id": str(note)}, {"record_id": str(record)}, {"run_id": str(run)}):
        found = await tree(**asked)
        assert set(found) == wanted
        assert found.index((str(note), str(todo), 2)) == 1 + found.index((str(todo), str(root), 1))
    with pytest.raises(NotFound):
        await tree(event_id=str(ids.new_id()))
    with pytest.raises(InvalidArgument):
        await tree()
