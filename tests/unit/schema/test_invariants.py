"""What holds for any value whatever: nothing but Invalid is raised, and canonical is stable."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.field_types import FIELD_TYPES
from schema.jsonio import dumps, loads_stored
from schema.problems import Invalid
from schema.values import canonical, patch
from tests.unit.schema.field_builders import AN_ID, a_field

PART_NAMES = sorted(
    {step for spec in FIELD_TYPES.values() for part in spec.parts for step in part.split(".")}
    | {"additional", "secondary", "amount", "object", "id", "match", "$add", "$remove", "markdown"}
)
likely = st.sampled_from(
    ["", " ", "won", "new", "EUR", "ch", "a@b.co", "Ä@BÜ.de", "+4930123456", "acme.com",
     "2026-01-31",
     "2026-01-31T09:30:00.50+01:00", "12.50", "first", "company", AN_ID, "\ud800", "a\x00", "\r"]
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.floats()
    | likely
    | st.text(st.characters())
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(PART_NAMES) | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("type_", [str(t) for t in FIELD_TYPES])
def test_any_value_is_canonical_and_stable_or_refused(type_: str) -> None:
    field = a_field(type_)

    @settings(max_examples=60, deadline=None)
    @given(anything, anything)
    def check(raw: Any, second: Any) -> None:
        value = None
        with contextlib.suppress(Invalid):
            value = canonical(field, raw, "f")
        assert value not in ("", []) or type_ == "json"
        if value is None or (isinstance(value, dict) and "match" in value):
            return
        stored = loads_stored(dumps(value))
        assert canonical(field, stored, "f") == value
        assert patch(field, value, stored, "f") == value
        patched = None
        with contextlib.suppress(Invalid):
            patched = patch(field, value, second, "f")
        if type_ != "relation" and patched is not None:
            assert canonical(field, patched, "f") == patched

    check()


@given(st.emails())
def test_addresses_of_the_rfc_are_accepted(address: str) -> None:
    found = canonical(a_field("emails"), address, "f")
    assert found["primary"] == address.lower()
    assert canonical(a_field("emails"), found, "f") == found
