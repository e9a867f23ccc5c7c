"""Templates keep types, miss nothing in silence, and can't run away."""

from decimal import Decimal
from typing import Any

import pytest

from services.automation.logic.templates import TemplateError, render

SCOPE: dict[str, Any] = {
    "trigger": {
        "after": {
            "name": "Ada",
            "score": 3,
            "ratio": Decimal("1.50"),
            "won": True,
            "nothing": None,
            "amount": {"amount_micros": 10, "currency_code": "EUR"},
            "tags": ["a", "b"],
            "long": "0123456789" * 100,
        }
    }
}


def filled(text: Any) -> Any:
    return render(text, SCOPE, "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ trigger.after.score }}", 3),
        (" {{ trigger.after.score }} ", 3),
        ("{{ trigger.after.ratio }}", Decimal("1.50")),
        ("{{ trigger.after.won }}", True),
        ("{{ trigger.after.nothing }}", None),
        ("{{ trigger.after.amount }}", {"amount_micros": 10, "currency_code": "EUR"}),
        ("{{ trigger.after.tags }}", ["a", "b"]),
        ("{{ trigger.after.tags[0] }}", "a"),
        ("<{{ trigger.after.score }}>", "<3>"),
        ("<{{ trigger.after.nothing }}>", "<>"),
        ("{{ trigger.after.ratio | times: 2 }}", Decimal("3.00")),
        ("{{ 7 | divided_by: 2 }}", 3),
        ("{{ 7 | divided_by: 2.0 }}", Decimal("3.5")),
        ("{{ trigger.after.nothing | default: 'x' }}", "x"),
        ("{% if trigger.after.won %}yes{% endif %}", "yes"),
        ("{{ trigger.after.tags | join: '-' }}", "a-b"),
    ],
)
def test_a_single_expression_keeps_its_type(text: str, value: Any) -> None:
    found = filled(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ trigger.after.missing }}",
        "x {{ trigger.after.missing }}",
        "{{ missing }}",
        "{{ trigger.after.name | upcse }}",
        "{{ trigger.after.name | plus: 1 }}",
        "{{ trigger.after.nothing | plus: 1 }}",
        "{{ 1 | divided_by: 0 }}",
        "{% if trigger.after.missing %}x{% endif %}",
        "{{ trigger.after.name",
        "{% if %}",
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{% for i in (1..1000000) %}x{% endfor %}",
        "{% assign x = '01' %}{% for i in (1..40) %}{% assign x = x | append: x %}{% endfor %}",
        "{% for i in (1..9000) %}{{ trigger.after.long }}{% endfor %}",
        "{{ " + "(" * 5000 + " }}",
        "{{ 'x' }}" * 10_000,
    ],
)
def test_what_cannot_be_filled_in_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError):
        filled(text)


def test_a_document_is_filled_in_everywhere_and_errors_name_the_place() -> None:
    document = {"a": ["{{ trigger.after.score }}", 1], "b": {"c": "{{ trigger.after.name }}!"}}
    assert filled(document) == {"a": [3, 1], "b": {"c": "Ada!"}}
    with pytest.raises(TemplateError, match=r"^b\.c: "):
        filled({"b": {"c": "{{ nope }}"}})


def test_now_is_that_of_the_workspace() -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    text = "{{ 'now' | date: '%Y-%m-%d %H' }}"
    there = datetime.now(ZoneInfo("Pacific/Auckland"))
    assert render(text, {}, "Pacific/Auckland") == there.strftime("%Y-%m-%d %H")
    assert render(text, {}, "UTC") == datetime.now(UTC).strftime("%Y-%m-%d %H")
