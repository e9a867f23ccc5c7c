"""The log answers in today's form."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from kit import upcasting
from services.events import convert
from services.events.model import LoggedEvent

OLD = LoggedEvent(
    position=1,
    event_id=UUID(int=1),
    type="thing.changed",
    source="records",
    aggregate_type="thing",
    aggregate_id=UUID(int=2),
    aggregate_version=1,
    object="",
    schema_version=1,
    data='{"a":1}',
    actor='{"kind":"user","id":"u","name":"Ada"}',
    trace_id="",
    root_id="",
    causation_id="",
    depth=0,
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_what_was_logged_in_an_old_form_is_shown_in_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert convert.event(OLD).data_json == b'{"a":1}'
    steps = {("thing.changed", 1): lambda data: {"b": data["a"]}}
    monkeypatch.setattr(upcasting, "STEPS", steps)
    raised, other = convert.event(OLD), convert.event(replace(OLD, type="thing.made"))
    assert (raised.schema_version, raised.data_json) == (2, b'{"b":1}')
    assert (other.schema_version, other.data_json) == (1, b'{"a":1}')
