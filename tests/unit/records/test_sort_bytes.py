"""Bytes of places sort as the places do, whatever the sort, and tokens give the same bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.sorts import parse_sort, record_key, sort_values
from services.records.logic import sort_bytes
from tests.unit.filters.generate import a_random_world, a_sort


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bytes_sort_as_records_do(seed: int) -> None:
    world = a_random_world(seed, deals=25)
    keys = parse_sort(world.workspace, world.deals, a_sort(world.rng))
    place = sort_bytes.of_record(keys)
    records = [r for r in world.records if r["object_id"] == world.deals.id]
    expected = [r["id"] for r in sorted(records, key=record_key(keys))]
    assert [r["id"] for r in sorted(records, key=place)] == expected
    encode = sort_bytes.of_values(keys)
    assert [encode(sort_values(keys, r)) for r in records] == [place(r) for r in records]


def test_what_an_index_cannot_hold_is_refused() -> None:
    world = a_random_world(1, deals=1)
    keys = parse_sort(world.workspace, world.deals, "title")
    key = world.deals.fields["title"].key or "title"
    record = {"id": world.records[0]["id"], "fields": {key: "ab" * 600}}
    with pytest.raises(sort_bytes.TooLong):
        sort_bytes.of_record(keys)(record)
