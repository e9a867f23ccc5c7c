"""A record's events wait for the one before them, and for nothing else."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from kit.envelope import Envelope
from services.events.logic import turns

ONE, OTHER = uuid4(), uuid4()


def event(version: int, record_id: UUID = ONE, kind: str = "record") -> Envelope:
    return Envelope(
        id=uuid4(),
        type=f"{kind}.updated",
        source="records",
        workspace_id=uuid4(),
        aggregate_type=kind,
        aggregate_id=record_id,
        aggregate_version=version,
        object="deal",
        schema_version=1,
        actor={},
        occurred_at=datetime.now(UTC),
        traceparent="",
        root_id="",
        causation_id="",
        depth=0,
        chain=(),
        data=msgspec.Raw(b"{}"),
    )


def test_the_first_and_the_next_have_their_turn() -> None:
    assert turns.early([event(1), event(2), event(3)], {}) == set()
    assert turns.early([event(8)], {ONE: 7}) == set()


def test_what_comes_again_has_its_turn() -> None:
    assert turns.early([event(3), event(8)], {ONE: 7}) == set()


def test_a_gap_holds_all_behind_it_and_no_other_record() -> None:
    third, fourth, other = event(3), event(4), event(1, OTHER)
    assert turns.early([third, fourth, other], {ONE: 1}) == {third.id, fourth.id}
    late = event(2)
    assert turns.early([third, late, fourth], {ONE: 1}) == {third.id, fourth.id}


def test_only_records_have_versions_without_gaps() -> None:
    assert turns.early([event(9, kind="role")], {}) == set()
    assert turns.later([event(9, kind="role"), event(1), event(5, OTHER)]) == {OTHER}
    assert turns.reached([event(1), event(3), event(2), event(9, OTHER, "role")]) == {ONE: 3}
