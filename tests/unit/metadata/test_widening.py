"""Which changes of a field leave its data alone."""

from typing import Any

import msgspec
import pytest

from schema.model import Field, FieldType, Option
from services.metadata.logic.widening import unsupported_changes

A, B = Option("1", "a", "A"), Option("2", "b", "B")


def a_field(kind: str, **parts: Any) -> Field:
    return Field(id="f", object_id="o", name="f", type=FieldType(kind), **parts)


@pytest.mark.parametrize(
    ("kind", "before", "after", "path"),
    [
        ("text", {"max_length": 10}, {"max_length": 20}, None),
        ("text", {"max_length": 20}, {"max_length": 10}, "settings.max_length"),
        ("text", {"max_length": 20}, {}, None),
        ("text", {}, {"max_length": 20}, "settings.max_length"),
        ("text", {"pattern": "a"}, {}, None),
        ("text", {}, {"pattern": "a"}, "settings.pattern"),
        ("number", {"min": 0.1}, {"min": 0}, None),
        ("number", {}, {"min": 0}, "settings.min"),
        ("number", {"max": 5}, {}, None),
        ("number", {"integer": True}, {}, None),
        ("number", {}, {"integer": True}, "settings.integer"),
        ("decimal", {"precision": 5}, {"precision": 9}, None),
        ("decimal", {"scale": 2}, {"scale": 3}, "settings.scale"),
        ("rating", {"max": 5}, {"max": 10}, None),
        ("relation", {"targets": ["a"]}, {"targets": ["a", "b"]}, "settings.targets"),
        ("relation", {"targets": ["a", "b"]}, {"targets": ["b", "c", "a"]}, None),
        ("relation", {"targets": ["a", "b"]}, {"targets": ["a"]}, "settings.targets"),
        ("relation", {"targets": ["a"]}, {"targets": ["a"], "inverse_name": "x"}, None),
    ],
)
def test_settings_may_widen(
    kind: str, before: dict[str, Any], after: dict[str, Any], path: str | None
) -> None:
    found = unsupported_changes(a_field(kind, settings=before), a_field(kind, settings=after), "")
    assert [p.path for p in found] == ([path] if path else [])


def test_options_stay_and_keep_their_values() -> None:
    old = a_field("select", options=(A, B))
    renamed = msgspec.structs.replace(B, label="Bee", color="red")
    assert unsupported_changes(old, a_field("select", options=(renamed, A)), "") == []
    assert [p.path for p in unsupported_changes(old, a_field("select", options=(A,)), "")] == [
        "options"
    ]
    other = msgspec.structs.replace(B, value="c", position=1)
    found = unsupported_changes(old, a_field("select", options=(A, other)), "")
    assert [p.path for p in found] == ["options.1.value"]


def test_rules_may_be_relaxed_and_not_tightened() -> None:
    loose, tight = a_field("text"), a_field("text", required=True, unique=True)
    assert [p.path for p in unsupported_changes(loose, tight, "")] == ["required", "unique"]
    assert unsupported_changes(tight, loose, "") == []
