"""Where in a request a plane's problem stands: the client's own names are left as they are."""

import pytest

from gateway.errors import NOWHERE, status_of
from kit.errors import InvalidArgument

POINTERS = [
    ("fields.amount.currency_code", "/fields/amount/currency_code"),
    ("fields.meta_json", "/fields/meta_json"),
    ("items.3.fields.meta_json.0", "/items/3/fields/meta_json/0"),
    ("fields_json.meta_json", "/fields/meta_json"),
    ("settings_json.max", "/settings/max"),
    ("filter.meta_json.has_key", "/filter/meta_json/has_key"),
    ("settings.pattern", "/settings/pattern"),
]


@pytest.mark.parametrize(("path", "pointer"), POINTERS)
def test_a_path_becomes_a_pointer(path: str, pointer: str) -> None:
    assert NOWHERE.pointer(path) == pointer


def test_a_value_that_is_too_deep_is_well_formed() -> None:
    value = InvalidArgument.at("FIELDS_INVALID", "fields.notes.0.0", "TOO_DEEP", "x")
    body = InvalidArgument.at("FIELDS_INVALID", "", "TOO_DEEP", "x")
    assert (status_of(value), status_of(body)) == (422, 400)
