"""JSON in and out: exact numbers, and every malformed document refused with its path."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.jsonio import dumps, loads_exact, loads_stored
from tests.unit.schema.field_builders import refused


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        (b"", "MALFORMED_JSON", ""),
        (b"{", "MALFORMED_JSON", ""),
        (b"{'a': 1}", "MALFORMED_JSON", ""),
        (b"1 2", "MALFORMED_JSON", ""),
        (b"01", "MALFORMED_JSON", ""),
        (b'"\x00"', "MALFORMED_JSON", ""),
        (b"\xef\xbb\xbf1", "MALFORMED_JSON", ""),
        (b'"\xed\xa0\x80"', "MALFORMED_JSON", ""),
        ('{"a": 1}'.encode("utf-16"), "MALFORMED_JSON", ""),
        (b'{"a": {"b": 1, "b": 2}}', "DUPLICATE_KEY", "a.b"),
        (b'{"a": [NaN]}', "NOT_FINITE", "a.0"),
        (b"-Infinity", "NOT_FINITE", ""),
        (b'{"a": 1e99999999999999999999}', "OUT_OF_RANGE", "a"),
        (b'{"a": ' + b"1" * 5000 + b"}", "OUT_OF_RANGE", "a"),
        (b'{"a": ["x\\u0000"]}', "CONTROL_CHARACTER", "a.0"),
        (b'{"a": "\\ud800"}', "INVALID_UNICODE", "a"),
        (b'{"a": "\\udc00\\ud800"}', "INVALID_UNICODE", "a"),
        (b"[" * 65 + b"]" * 65, "TOO_DEEP", ""),
        (b"[" * 100_000 + b"]" * 100_000, "TOO_DEEP", ""),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "TOO_DEEP", ""),
        (b'["]",' * 65 + b"1" + b',"["]' * 65, "TOO_DEEP", ""),
        (b'["]]]",' * 65 + b"1" + b"]" * 65, "TOO_DEEP", ""),
    ],
)
def test_refused_documents(document: bytes, code: str, path: str) -> None:
    assert refused(lambda: loads_exact(document)) == [(path, code)]


@pytest.mark.parametrize(
    ("document", "value"),
    [
        (b"0.1", Decimal("0.1")),
        (b"1e2", Decimal("1E2")),
        (b"9223372036854775808", 2**63),
        (b"1e400", Decimal("1e400")),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'{"a": "[[[[{{{{"}', {"a": "[[[[{{{{"}),
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
    ],
)
def test_accepted_documents(document: bytes, value: Any) -> None:
    assert loads_exact(document) == value


def test_decimals_are_written_as_the_numbers_they_are() -> None:
    assert (
        dumps({"a": Decimal("0.10"), "b": Decimal("1E+30"), "c": 5})
        == b'{"a":0.10,"b":1E+30,"c":5}'
    )


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(documents)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert loads_exact(dumps(value)) == value
    assert loads_stored(dumps(value)) == value
