"""A record's request: all problems together, defaults, required and platform fields, changes."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from schema.compiled import CompiledObject
from schema.values import RecordValues, record_values, references, unique_key
from tests.unit.schema.field_builders import AN_ID, ME, NOW, a_field, an_object, refused

OBJECT = an_object(
    a_field("text", "name", key="old_name", required=True),
    a_field("select", "stage", default="new"),
    a_field("multi_select", "tags", default=["won"]),
    a_field("number", "ratio"),
    a_field("json", "extra"),
    a_field("actor", "owner"),
    a_field("relation", "company"),
    a_field("relation", "target", settings={"targets": ["company", "person"]}),
    a_field("file", "files"),
    a_field("text", "gone", active=False),
)


def write(
    raw: Any,
    old: Mapping[str, Any] | None = None,
    obj: CompiledObject = OBJECT,
    me: dict[str, str] | None = ME,
) -> RecordValues:
    return record_values(obj, raw, old=old, now=NOW, new_uuid=lambda: AN_ID, me=me)


def changed(result: RecordValues) -> list[str]:
    return [field.name for field in result.changed]


def test_a_create_fills_in_defaults_and_keeps_values_by_key() -> None:
    result = write({"name": "Acme", "ratio": None})
    assert result.values == {"old_name": "Acme", "stage": "new", "tags": ["won"]}
    assert changed(result) == ["name", "stage", "tags"]


def test_a_default_does_not_replace_an_explicit_null() -> None:
    assert write({"name": "Acme", "stage": None}).values == {"old_name": "Acme", "tags": ["won"]}


def test_defaults_are_not_shared_between_records() -> None:
    write({"name": "a"}).values["tags"].append("x")
    assert write({"name": "b"}).values["tags"] == ["won"]


@pytest.mark.parametrize(
    ("type_", "word", "expected"),
    [
        ("date", "now", "2026-01-31"),
        ("date_time", "now", "2026-01-31T09:30:00Z"),
        ("uuid", "uuid", AN_ID),
        ("uuid", "me", ME["id"]),
        ("text", "me", ME["id"]),
        ("actor", "me", ME),
    ],
)
def test_dynamic_defaults(type_: str, word: str, expected: Any) -> None:
    obj = an_object(a_field(type_, "f", default={"$": word}))
    assert write({}, obj=obj).values == {"f": expected}


def test_me_is_empty_for_nobody() -> None:
    obj = an_object(a_field("actor", "f", default={"$": "me"}))
    assert write({}, obj=obj, me=None).values == {}


def test_every_problem_of_a_request_is_reported() -> None:
    raw = {
        "stage": "Won",
        "ratio": "5",
        "owner": ME,
        "id": AN_ID,
        "create_time": "2026-01-01T00:00:00Z",
        "nmae": "x",
        "gone": "x",
    }
    assert sorted(refused(lambda: write(raw))) == [
        ("fields.create_time", "READ_ONLY_FIELD"),
        ("fields.gone", "UNKNOWN_FIELD"),
        ("fields.id", "READ_ONLY_FIELD"),
        ("fields.name", "REQUIRED"),
        ("fields.nmae", "UNKNOWN_FIELD"),
        ("fields.owner", "READ_ONLY_FIELD"),
        ("fields.ratio", "WRONG_TYPE"),
        ("fields.stage", "UNKNOWN_OPTION"),
    ]


@pytest.mark.parametrize("raw", [None, [], "x", 5])
def test_fields_must_be_an_object(raw: Any) -> None:
    assert refused(lambda: write(raw)) == [("fields", "WRONG_TYPE")]


def test_a_thousand_unknown_fields_are_refused_quickly_and_printably() -> None:
    raw: dict[str, Any] = {f"\ud800{i}" + "x" * 1000: 1 for i in range(1000)}
    assert len(refused(lambda: write(raw, old={}))) == 1000


def test_an_update_cannot_clear_a_required_field() -> None:
    old = {"old_name": "Acme"}
    assert refused(lambda: write({"name": ""}, old)) == [("fields.name", "REQUIRED")]
    assert refused(lambda: write({"name": None}, old)) == [("fields.name", "REQUIRED")]
    assert write({"stage": "won"}, {}).values == {"stage": "won"}


def test_an_update_keeps_the_rest_and_names_what_changed() -> None:
    old = {"old_name": "Acme", "stage": "new", "ratio": 0.1, "gone": "kept"}
    raw = {"name": "Acme", "stage": None, "ratio": Decimal("0.1"), "company": None}
    result = write(raw, old)
    assert result.values == {"old_name": "Acme", "ratio": 0.1, "gone": "kept"}
    assert changed(result) == ["stage"]
    assert old["stage"] == "new"


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ({"a": True}, {"a": 1}, True),
        ([0], [False], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"a": 0.5}, {"a": Decimal("0.5")}, False),
    ],
)
def test_json_changes_where_python_would_see_none(before: Any, after: Any, differs: bool) -> None:
    assert bool(write({"extra": after}, {"extra": before}).changed) is differs


def test_position_is_written_like_a_field() -> None:
    assert write({"position": "first"}, {}).values == {"position": "first"}
    assert refused(lambda: write({"position": None}, {})) == [("fields.position", "WRONG_TYPE")]


def test_references_are_listed_for_one_check() -> None:
    raw = {
        "company": {"match": {"email": "a@b.co"}},
        "target": {"object": "person", "id": AN_ID},
        "files": [AN_ID],
    }
    result = write(raw, {})
    found = references(result.changed, result.values)
    assert [(r.path, r.objects, r.id, r.match, r.is_file) for r in found] == [
        ("fields.company", ("company",), None, {"email": "a@b.co"}, False),
        ("fields.target", ("person",), AN_ID, None, False),
        ("fields.files.0", (), AN_ID, None, True),
    ]


def test_unique_keys() -> None:
    assert unique_key(a_field("text"), "Ada") == "Ada"
    assert unique_key(a_field("text", settings={"case_insensitive": True}), "ADA") == "ada"
    assert (
        unique_key(a_field("number"), Decimal("1.5")) == unique_key(a_field("number"), 1.5) == "1.5"
    )
    assert unique_key(a_field("emails"), {"primary": "a@b.co", "additional": []}) == "a@b.co"
    assert unique_key(a_field("phones"), None) is None
