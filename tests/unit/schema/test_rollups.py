"""What a rollup is, who sees it, and what its values are."""

from decimal import Decimal
from typing import Any

import pytest

from schema import rollups
from schema.access import Access, FieldAccess, ObjectAccess, restrict
from schema.compiled import Workspace
from schema.model import Field, FieldType, Object, Snapshot
from schema.problems import Invalid

T = FieldType


def a_field(owner: str, name: str, kind: FieldType = T.TEXT, **more: Any) -> Field:
    return Field(id=f"{owner}.{name}", object_id=owner, name=name, type=kind, **more)


def rollup(name: str, **settings: Any) -> Field:
    return a_field("port", name, T.ROLLUP, settings={"path": "fleet", **settings})


def workspace(*fields: Field) -> Workspace:
    relation = {"targets": ["port"], "inverse_name": "fleet"}
    computed = {"expression": "tons * 2.0", "result_type": "number"}
    ship = (
        a_field("ship", "tons", T.NUMBER),
        a_field("ship", "flag"),
        a_field("ship", "twice", T.FORMULA, settings=computed),
        a_field("ship", "port", T.RELATION, settings=relation),
    )
    port = (a_field("port", "name"), *fields)
    objects = (
        Object("port", "port", "ports", fields=port),
        Object("ship", "ship", "s", fields=ship),
    )
    return Workspace(Snapshot("w", 1, objects))


FULL = workspace(
    rollup("ships", function="count", result_type="number", scale=0),
    rollup("freight", function="sum", field="tons", result_type="number"),
    rollup("double", function="sum", field="twice", result_type="number"),
    rollup("british", function="count", filter={"flag": "gb"}, result_type="number", scale=0),
    a_field("port", "busy", T.FORMULA, settings={"expression": "freight > 1.0",
                                                 "result_type": "boolean"}),
)  # fmt: skip


def seen(ship: ObjectAccess | None) -> set[str]:
    objects = {"port": ObjectAccess(("read",))} | ({"ship": ship} if ship else {})
    return set(restrict(FULL, Access("r", objects), "ada").objects["port"].fields)


@pytest.mark.parametrize(
    ("ship", "shown"),
    [
        (ObjectAccess(("read",)), {"ships", "freight", "double", "british", "busy"}),
        (None, set()),
        (ObjectAccess(("read",), rule={"flag": "gb"}), set()),
        (ObjectAccess(("read",), {"ship.port": FieldAccess(read=False)}), set()),
        (ObjectAccess(("read",), {"ship.tons": FieldAccess(read=False)}), {"ships", "british"}),
        (ObjectAccess(("read",), {"ship.flag": FieldAccess(read=False)}),
         {"ships", "freight", "double", "busy"}),
    ],
)  # fmt: skip
def test_a_role_sees_no_rollup_over_what_it_can_t_see(
    ship: ObjectAccess | None, shown: set[str]
) -> None:
    assert seen(ship) == {"name", *shown}


def test_no_rollup_is_over_a_rollup() -> None:
    chain = {"path": "ports", "function": "sum", "field": "freight"}
    port = FULL.objects["port"].definition
    to_land = a_field("port", "land", T.RELATION, settings={"targets": ["land"],
                                                            "inverse_name": "ports"})  # fmt: skip
    land = Object(
        "land", "land", "lands", fields=(a_field("land", "sum", T.ROLLUP, settings=chain),)
    )
    whole = Object("port", "port", "ports", fields=(*port.fields, to_land))
    found = Workspace(Snapshot("w", 1, (whole, land, FULL.objects["ship"].definition)))
    with pytest.raises(Invalid) as refused:
        rollups.resolve(found, found.objects["land"], found.objects["land"].fields["sum"])
    assert [p.code for p in refused.value.problems] == ["NOT_ELIGIBLE"]


@pytest.mark.parametrize(
    ("function", "measure", "more", "count", "total", "expected"),
    [
        ("count", "", {}, 3, "0", 3),
        ("sum", "number", {}, 2, "0.3", Decimal("0.3")),
        ("sum", "decimal", {"scale": 2, "result_type": "decimal"}, 2, "1.5", "1.50"),
        ("avg", "number", {"scale": 2}, 3, "10", Decimal("3.33")),
        ("avg", "number", {"scale": 2}, 0, "0", None),
        ("sum", "currency", {"result_type": "currency", "currency_code": "EUR"}, 1, "7",
         {"amount_micros": 7, "currency_code": "EUR"}),
        ("sum", "currency", {"result_type": "currency", "currency_code": "EUR"}, 1, "1E+30", None),
    ],
)  # fmt: skip
def test_values_are_exact_and_canonical(
    function: str, measure: str, more: dict[str, Any], count: int, total: str, expected: Any
) -> None:
    one = rollups.Rollup("i", "f", "o", "k", "c", "r", "s", "rk", function, measure=measure, **more)
    assert rollups.value_of(one, count, Decimal(total), None) == expected
