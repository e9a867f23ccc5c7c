"""Definitions of fields, options and objects: what is accepted, and every mistake at once."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from schema.field_types import FIELD_TYPES
from schema.field_types.definitions import check_object, define_field
from schema.field_types.options import normalise_options
from schema.jsonio import dumps
from schema.model import Field, FieldType, Option
from schema.values import canonical
from tests.unit.schema.field_builders import AN_ID, refused

ids: Iterator[int] = count()


def new_id() -> str:
    return f"id-{next(ids)}"


def define(raw: dict[str, Any], **more: Any) -> Field:
    return define_field({"name": "f", **raw}, new_id=new_id, object_id="o", **more)


def test_every_type_has_a_row() -> None:
    assert set(FIELD_TYPES) == set(FieldType)
    for spec in FIELD_TYPES.values():
        assert "table" in spec.views
        assert set(spec.sort_parts) <= set(spec.parts)
        assert not spec.unique_part or spec.unique_part in spec.parts


@pytest.mark.parametrize(
    ("type_", "views"),
    [
        ("select", {"table", "kanban"}),
        ("boolean", {"table", "kanban"}),
        ("date", {"table", "calendar"}),
        ("date_time", {"table", "calendar"}),
        ("address", {"table", "map"}),
        ("text", {"table"}),
    ],
)
def test_views_unlocked(type_: str, views: set[str]) -> None:
    assert FIELD_TYPES[FieldType(type_)].views == views


def test_a_field_is_defined_with_its_options_and_default() -> None:
    field = define(
        {"type": "multi_select", "options": ["a", {"value": "b"}], "default": ["b", "b"]}
    )
    assert [(o.value, o.label, o.color, o.position) for o in field.options] == [
        ("a", "a", "gray", 0),
        ("b", "b", "gray", 1),
    ]
    assert field.default == ["b"]
    assert (field.key, field.object_id) == ("f", "o")
    assert field.id != field.options[0].id != field.options[1].id


@pytest.mark.parametrize(
    ("raw", "path", "code"),
    [
        ({"name": "Name"}, "name", "PATTERN_MISMATCH"),
        ({"name": "a" * 64}, "name", "PATTERN_MISMATCH"),
        ({"name": "a\n"}, "name", "PATTERN_MISMATCH"),
        ({"name": "é"}, "name", "PATTERN_MISMATCH"),
        ({"name": None}, "name", "WRONG_TYPE"),
        ({"name": "create_time"}, "name", "RESERVED_NAME"),
        ({"name": "not"}, "name", "RESERVED_NAME"),
        ({"name": "taken"}, "name", "NAME_TAKEN"),
        ({"type": "txt"}, "type", "UNKNOWN_FIELD_TYPE"),
        ({"type": None}, "type", "WRONG_TYPE"),
        ({"type": ["text"]}, "type", "WRONG_TYPE"),
        ({"label": "x" * 256}, "label", "TOO_LONG"),
        ({"label": 5}, "label", "WRONG_TYPE"),
        ({"label": "a\x00"}, "label", "CONTROL_CHARACTER"),
        ({"requird": True}, "requird", "UNKNOWN_PROPERTY"),
        ({"required": "yes"}, "required", "WRONG_TYPE"),
        ({"settings": []}, "settings", "WRONG_TYPE"),
        ({"settings": {"max_lenght": 5}}, "settings.max_lenght", "UNKNOWN_SETTING"),
        ({"settings": {"default": "x"}}, "settings.default", "UNKNOWN_SETTING"),
        ({"settings": {"max_length": 0}}, "settings.max_length", "OUT_OF_RANGE"),
        ({"settings": {"max_length": True}}, "settings.max_length", "WRONG_TYPE"),
        ({"settings": {"pattern": "("}}, "settings.pattern", "INVALID_PATTERN"),
        ({"settings": {"pattern": "(?=a)"}}, "settings.pattern", "INVALID_PATTERN"),
        ({"settings": {"pattern": "((a{100}){100}){100}"}}, "settings.pattern", "INVALID_PATTERN"),
        ({"settings": {"pattern": "\ud800"}}, "settings.pattern", "INVALID_UNICODE"),
        ({"type": "number", "settings": {"min": 2, "max": 1}}, "settings.min", "OUT_OF_RANGE"),
        ({"type": "number", "settings": {"min": "2"}}, "settings.min", "WRONG_TYPE"),
        (
            {"type": "number", "settings": {"integer": True, "decimals": 2}},
            "settings.decimals",
            "CONFLICTING_SETTINGS",
        ),
        (
            {"type": "decimal", "settings": {"precision": 39}},
            "settings.precision",
            "OUT_OF_RANGE",
        ),
        (
            {"type": "decimal", "settings": {"precision": 2, "scale": 3}},
            "settings.scale",
            "OUT_OF_RANGE",
        ),
        ({"type": "relation"}, "settings.targets", "REQUIRED"),
        ({"type": "relation", "settings": {"targets": []}}, "settings.targets", "OUT_OF_RANGE"),
        (
            {"type": "relation", "settings": {"targets": ["X y"]}},
            "settings.targets.0",
            "PATTERN_MISMATCH",
        ),
        ({"type": "select"}, "options", "REQUIRED"),
        ({"type": "select", "options": []}, "options", "REQUIRED"),
        ({"type": "select", "options": "a"}, "options", "WRONG_TYPE"),
        ({"type": "text", "options": ["a"]}, "options", "OPTIONS_NOT_ALLOWED"),
        ({"type": "json", "unique": True}, "unique", "UNIQUE_NOT_ALLOWED"),
        (
            {"type": "multi_select", "options": ["a"], "unique": True},
            "unique",
            "UNIQUE_NOT_ALLOWED",
        ),
        ({"type": "json", "indexed": True}, "indexed", "INDEX_NOT_ALLOWED"),
        ({"type": "number", "searchable": True}, "searchable", "SEARCH_NOT_ALLOWED"),
        ({"type": "actor", "required": True}, "required", "READ_ONLY_FIELD"),
        ({"type": "text", "default": 5}, "default", "WRONG_TYPE"),
        ({"type": "multi_select", "options": ["a"], "default": "a"}, "default", "WRONG_TYPE"),
        ({"type": "select", "options": ["a"], "default": "b"}, "default", "UNKNOWN_OPTION"),
        ({"type": "text", "default": {"$": "now"}}, "default", "UNKNOWN_DEFAULT"),
        ({"type": "date", "default": {"$": []}}, "default", "UNKNOWN_DEFAULT"),
        ({"type": "auto_number", "default": 1}, "default", "READ_ONLY_FIELD"),
    ],
)
def test_refused_definitions(raw: dict[str, Any], path: str, code: str) -> None:
    assert refused(lambda: define({"type": "text", **raw}, taken=["taken"])) == [(path, code)]


def test_all_mistakes_of_a_definition_are_reported() -> None:
    raw = {
        "name": "Id",
        "type": "select",
        "label": 1,
        "unique": True,
        "settings": {"x": 1},
        "options": ["a b", "c"],
        "colour": 1,
    }
    assert sorted(refused(lambda: define(raw))) == [
        ("colour", "UNKNOWN_PROPERTY"),
        ("label", "WRONG_TYPE"),
        ("name", "PATTERN_MISMATCH"),
        ("options.0.value", "PATTERN_MISMATCH"),
        ("settings.x", "UNKNOWN_SETTING"),
        ("unique", "UNIQUE_NOT_ALLOWED"),
    ]


@pytest.mark.parametrize(
    ("raw", "default"),
    [
        ({"type": "text", "default": ""}, None),
        ({"type": "multi_select", "options": ["a"], "default": []}, None),
        ({"type": "date_time", "default": {"$": "now"}}, {"$": "now"}),
        ({"type": "number", "default": Decimal("1.50")}, Decimal("1.5")),
        ({"type": "boolean", "default": False}, False),
        ({"type": "number", "default": 0}, 0),
        ({"type": "emails", "default": "A@b.co"}, {"primary": "a@b.co", "additional": []}),
    ],
)
def test_defaults_are_canonical_and_empty_ones_are_none(raw: dict[str, Any], default: Any) -> None:
    assert define(raw).default == default


def test_what_can_be_indexed_is_unless_it_is_said_otherwise() -> None:
    assert define({"type": "text"}).indexed
    assert not define({"type": "text", "indexed": False}).indexed
    assert not define({"type": "rich_text"}).indexed


def test_settings_are_read_alike_from_a_snapshot() -> None:
    field = define({"type": "number", "settings": {"min": Decimal("0.1"), "max": None}})
    assert field.settings == {"min": 0.1}
    assert canonical(field, Decimal("0.1"), "f") == Decimal("0.1")
    assert dumps(field.settings) == b'{"min":0.1}'


@pytest.mark.parametrize(
    ("raw", "path", "code"),
    [
        (["a", "A"], "options.1.value", "DUPLICATE_OPTION"),
        ([{"value": "a", "label": "x"}, {"value": "b", "label": "x"}],
         "options.1.label", "DUPLICATE_OPTION"),
        ([{"value": "a", "color": "grey"}], "options.0.color", "UNKNOWN_COLOR"),
        ([{"value": "a", "color": ["red"]}], "options.0.color", "UNKNOWN_COLOR"),
        ([{"value": "a", "label": "x" * 256}], "options.0.label", "TOO_LONG"),
        ([{"value": "a", "label": 5}], "options.0.label", "WRONG_TYPE"),
        ([{"value": "a", "id": "x"}], "options.0.id", "INVALID_UUID"),
        ([{"value": "a", "colour": "red"}], "options.0.colour", "UNKNOWN_PART"),
        (["a-b"], "options.0.value", "PATTERN_MISMATCH"),
        ([""], "options.0.value", "PATTERN_MISMATCH"),
        ([5], "options.0", "WRONG_TYPE"),
        ([f"v{i}" for i in range(301)], "options", "TOO_MANY_VALUES"),
    ],
)  # fmt: skip
def test_refused_options(raw: Any, path: str, code: str) -> None:
    assert refused(lambda: normalise_options(raw, new_id=new_id)) == [(path, code)]


def test_options_keep_the_ids_of_their_values() -> None:
    old = [Option(id=AN_ID, value="a", label="A", color="red", position=0)]
    options = normalise_options(["b", "a"], new_id=lambda: "new", old=old)
    assert [(o.id, o.value, o.label, o.color, o.position) for o in options] == [
        ("new", "b", "b", "gray", 0),
        (AN_ID, "a", "A", "red", 1),
    ]


def test_a_change_keeps_what_it_does_not_name() -> None:
    old = define({"type": "select", "options": ["a", "b"], "default": "a", "label": "L"})
    new = define_field({"name": "g", "default": "b"}, new_id=new_id, old=old)
    assert (new.id, new.key, new.name, new.label, new.default) == (old.id, "f", "g", "L", "b")
    assert new.options == old.options
    change = {"options": ["b"]}
    assert refused(lambda: define_field(change, new_id=new_id, old=old)) == [
        ("default", "UNKNOWN_OPTION")
    ]
    assert refused(lambda: define_field({"type": "text"}, new_id=new_id, old=old)) == [
        ("type", "TYPE_CHANGE")
    ]


def test_objects() -> None:
    check_object({"name": "deal", "plural_name": "deals", "label": "Deal"})
    raw = {"name": "record", "plural_name": "Deals", "label": 5}
    assert sorted(refused(lambda: check_object(raw))) == [
        ("label", "WRONG_TYPE"),
        ("name", "RESERVED_NAME"),
        ("plural_name", "PATTERN_MISMATCH"),
    ]
    same = {"name": "deals", "plural_name": "deals"}
    assert refused(lambda: check_object(same)) == [("plural_name", "NAME_TAKEN")]
