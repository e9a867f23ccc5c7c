"""Dead letters of deliveries and consumers show what they are about, and are replayed."""

import json
from typing import Any
from uuid import UUID

import pytest
from armature.events.v1 import event_admin_service_pb2 as admin

from kit import ids
from kit.errors import FailedPrecondition
from tests.integration.events.conftest import As, Plane
from tests.integration.events.hooks import get, in_state, subscribe
from tests.integration.events.platform import Receiver
from tests.integration.kit.helpers import eventually


async def letter_of(caller: As, letter_id: str) -> Any:
    request = admin.GetDeadLetterRequest(id=letter_id)
    return (await caller.call(caller.admin.GetDeadLetter, request)).dead_letter


async def test_a_consumers_letter_shows_its_event_when_the_log_has_it_no_more(
    plane: Plane, workspace: UUID
) -> None:
    """And one that neither the log nor the letter has is not there."""
    caller, deal, event_id = plane.a(workspace), ids.new_id(), ids.new_id()
    data = {"record_id": str(deal), "fields": {"size": 3}}
    envelope = {
        "id": str(event_id), "type": "record.updated", "source": "records",
        "workspace_id": str(workspace), "aggregate_type": "record", "aggregate_id": str(deal),
        "aggregate_version": 2, "object": "deal", "schema_version": 1,
        "actor": {"kind": "user", "id": "ada", "name": "Ada"},
        "occurred_at": "2026-01-01T00:00:00Z", "traceparent": "", "root_id": str(event_id),
        "causation_id": "", "depth": 0, "chain": [], "data": data,
    }  # fmt: skip
    told = {"consumer": "test", "event_id": str(event_id), "event_type": "record.updated",
            "reason": "no", "attempts": 8, "trace_id": ""}  # fmt: skip
    await plane.emit(
        workspace, "dead_letter.created", data=told | {"envelope": json.dumps(envelope)}
    )
    by_hand = {"consumer": "automation-run", "event_id": str(ids.new_id()), "subject_id": ""}
    await plane.emit(workspace, "dead_letter.created", data=told | by_hand)

    letters: dict[str, str] = {}

    async def both() -> bool:
        request = admin.ListDeadLettersRequest()
        found = (await caller.call(caller.admin.ListDeadLetters, request)).dead_letters
        letters.update({one.kind: one.id for one in found})
        return len(letters) == 2

    await eventually(both, "the letters are kept")
    about = (await letter_of(caller, letters["test"])).event
    assert (about.id, about.object, about.aggregate_id) == (str(event_id), "deal", str(deal))
    assert (about.position, json.loads(about.data_json)) == (0, data)
    assert not (await letter_of(caller, letters["automation-run"])).HasField("event")


async def test_a_failing_endpoint_is_tried_again_then_the_letter_is_replayed(
    plane: Plane, workspace: UUID
) -> None:
    caller, status = plane.a(workspace), [500]
    async with Receiver(lambda _: (status[0], {})).running() as receiver:
        await subscribe(caller, receiver.url)
        deal = ids.new_id()
        data = {"record_id": str(deal), "fields": {"stage": "won"}}
        (event_id,) = await plane.emit(workspace, "record.created", aggregate=deal, data=data)
        (dead,) = await in_state(caller, "dead", 1)
        found = await get(caller, dead.id)
        assert [a.status for a in found.attempts] == [500] * 4
        assert [a.number for a in found.attempts] == [1, 2, 3, 4]
        assert found.attempts[0].response_body == "seen"
        assert "500" in found.delivery.last_error
        assert len({one.headers["webhook-id"] for one in receiver.got}) == 1

        request = admin.ListDeadLettersRequest(state="open")
        (letter,) = (await caller.call(caller.admin.ListDeadLetters, request)).dead_letters
        assert (letter.kind, letter.subject_id, letter.attempts) == ("delivery", dead.id, 4)
        assert not letter.HasField("event")
        whole = await letter_of(caller, letter.id)
        about = whole.event
        assert (about.id, about.type) == (str(event_id), "record.created")
        assert (about.object, about.aggregate_id) == ("deal", str(deal))
        assert json.loads(about.data_json) == data
        assert "500" in whole.reason
        assert whole.trace_id == found.attempts[-1].trace_id
        status[0] = 204
        replay = admin.ReplayDeadLetterRequest(id=letter.id)
        settled = await caller.call(caller.admin.ReplayDeadLetter, replay)
        assert settled.dead_letter.state == "replayed"
        await in_state(caller, "succeeded", 1)
        with pytest.raises(FailedPrecondition):
            await caller.call(caller.admin.ReplayDeadLetter, replay)


async def test_a_consumers_letter_is_kept_and_replayed_to_it_alone(
    plane: Plane, workspace: UUID
) -> None:
    caller = plane.a(workspace)
    (event_id,) = await plane.emit(workspace, "record.created")
    envelope = {
        "id": str(event_id), "type": "record.created", "source": "events",
        "workspace_id": str(workspace), "aggregate_type": "record", "aggregate_id": str(event_id),
        "aggregate_version": 1, "object": "", "schema_version": 1, "actor": {},
        "occurred_at": "2026-01-01T00:00:00Z", "traceparent": "", "root_id": "", "causation_id": "",
        "depth": 0, "chain": [], "data": {},
    }  # fmt: skip
    letter = {
        "consumer": "nobody-listens", "event_id": str(event_id), "event_type": "record.created",
        "reason": "no good", "attempts": 8, "trace_id": "", "envelope": json.dumps(envelope),
    }  # fmt: skip
    await plane.emit(workspace, "dead_letter.created", data=letter)

    async def kept() -> bool:
        request = admin.ListDeadLettersRequest()
        return len((await caller.call(caller.admin.ListDeadLetters, request)).dead_letters) == 1

    await eventually(kept, "the letter is kept")
    request = admin.ListDeadLettersRequest(state="open")
    (found,) = (await caller.call(caller.admin.ListDeadLetters, request)).dead_letters
    assert (found.kind, found.reason) == ("nobody-listens", "no good")
    replay = admin.ReplayDeadLetterRequest(id=found.id, request_id=str(ids.new_id()))
    for _ in range(2):
        settled = await caller.call(caller.admin.ReplayDeadLetter, replay)
        assert settled.dead_letter.state == "replayed"
