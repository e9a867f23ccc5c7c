"""Patterns of event types."""

import pytest

from services.events.logic import patterns


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("record.created", "record.created"),
        ("RecordCreated", "record.created"),
        ("LinkTypeCreated", "link_type.created"),
        ("record.*", "record.*"),
        ("*.created", "*.created"),
        ("*", "*"),
        ("Record", None),
        ("record", None),
        ("record.", None),
        ("rec ord.created", None),
        ("record.cre*", None),
        ("", None),
        ("x" * 200, None),
    ],
)
def test_patterns_have_one_dotted_form(written: str, meant: str | None) -> None:
    assert patterns.normalise(written) == meant


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        (("record.created",), "record.created", True),
        (("record.created",), "record.updated", False),
        (("record.*",), "record.updated", True),
        (("record.*",), "records.updated", False),
        (("*.created",), "link_type.created", True),
        (("*",), "anything.at_all", True),
        ((), "anything.at_all", True),
        (("note.*", "record.deleted"), "record.deleted", True),
        (("link_type.*",), "linkxtype.created", False),
    ],
)
def test_matching(given: tuple[str, ...], kind: str, expected: bool) -> None:
    assert patterns.compiled(given)(kind) is expected


def test_underscores_are_no_wildcards_in_sql() -> None:
    assert patterns.split(["link_type.*", "record.created"]) == (
        ("record.created",),
        ("link\\_type.%",),
    )
