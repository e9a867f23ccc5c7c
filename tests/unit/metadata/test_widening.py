"""Which changes of a field leave its data alone."""

from typing import Any

import msgspec
import pytest

from schema.model import Field, FieldType, Option
from services.metadata.logic.widening import moved_options, needs

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
    found = needs(a_field(kind, settings=before), a_field(kind, settings=after))
    if path == "settings.scale":
        assert (found.converts, found.looks) == (True, [])
    elif path == "settings.targets":  # one target and several are stored in other forms
        assert [p.path for p in found.problems] == [path]
    else:
        assert (found.looks, found.problems) == ([path] if path else [], [])


def test_options_that_go_are_looked_at() -> None:
    old = a_field("select", options=(A, B))
    renamed = msgspec.structs.replace(B, label="Bee", color="red")
    assert not needs(old, a_field("select", options=(renamed, A))).job
    gone = a_field("select", options=(A,))
    assert needs(old, gone).looks == ["options"]
    assert moved_options(old, gone, {}) == {}  # who holds it stands in the way
    assert moved_options(old, gone, {"b": ""}) == {"b": None}
    other = a_field("select", options=(A, msgspec.structs.replace(B, value="c", position=1)))
    assert needs(old, other).looks == ["options"]
    assert moved_options(old, other, {}) == {"b": "c"}  # its id says which it is


def test_rules_may_be_relaxed_at_once_and_tightened_by_a_job() -> None:
    loose, tight = a_field("text"), a_field("text", required=True, unique=True)
    assert needs(loose, tight).looks == ["required", "unique"]
    assert not needs(tight, loose).job
    assert needs(a_field("text", indexed=False), loose).reindexes


def test_types_change_by_the_table_alone() -> None:
    assert needs(a_field("text"), a_field("number")).converts
    found = needs(a_field("json"), a_field("number"))
    assert [p.path for p in found.problems] == ["type"]
