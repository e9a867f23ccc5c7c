"""What a custom role may not see is not there: no name finds it, no hint names it."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schema.access import Access, FieldAccess, ObjectAccess, Restrictions, restrict, ruled
from schema.compiled import Workspace
from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext
from schema.filters.parse_json import parse
from schema.filters.render import to_json
from schema.model import Field, FieldType, LinkType, Object, Snapshot, View, ViewType
from schema.problems import Invalid

NOW = datetime(2026, 11, 20, tzinfo=UTC)
T = FieldType


def a_field(owner: str, name: str, kind: FieldType = T.TEXT, **more: object) -> Field:
    return Field(id=f"{owner}.{name}", object_id=owner, name=name, type=kind, **more)  # type: ignore[arg-type]


SNAPSHOT = Snapshot(
    workspace_id="w",
    version=7,
    objects=(
        Object(
            "deal",
            "deal",
            "deals",
            label_field="name",
            fields=(
                a_field("deal", "name"),
                a_field("deal", "amount", T.NUMBER),
                a_field("deal", "owner", T.UUID),
                a_field("deal", "keeper"),
                a_field("deal", "company", T.RELATION, settings={"targets": ["company"]}),
                a_field("deal", "boss", T.RELATION, settings={"targets": ["person"]}),
                a_field("deal", "about", T.RELATION, settings={"targets": ["company", "person"]}),
            ),
        ),
        Object("company", "company", "companies", fields=(a_field("company", "name"),)),
        Object("person", "person", "people", fields=(a_field("person", "name"),)),
    ),
    views=(
        View("v1", "deal", "Rich", ViewType.TABLE, filter={"amount": {"gte": 3}}),
        View("v2", "deal", "By amount", ViewType.TABLE, sort="-amount"),
        View(
            "v3",
            "deal",
            "All",
            ViewType.TABLE,
            columns=({"field_id": "deal.name"}, {"field_id": "deal.amount"}),
            aggregates=({"fn": "sum", "field_id": "deal.amount"},),
        ),
        View("v4", "person", "People", ViewType.TABLE),
    ),
    link_types=(
        LinkType("l1", "knows", "known_by", ("deal",), ("person",)),
        LinkType("l2", "owns", "owned_by", ("company",), ("company", "person")),
    ),
)
FULL = Workspace(SNAPSHOT)


def seen(me: str = "ada", **deal: Any) -> Workspace:
    own = ObjectAccess(("read", "update"), **deal)
    access = Access("sales", {"deal": own, "company": ObjectAccess(("read",))})
    return restrict(FULL, access, me)


HIDDEN: Any = {"fields": {"deal.amount": FieldAccess(read=False)}}


def test_hidden_objects_fields_and_what_leads_to_them_are_not_there() -> None:
    found = seen(**HIDDEN)
    deal = found.objects["deal"]
    assert set(found.objects) == {"deal", "company"}
    assert set(deal.fields) == {"name", "owner", "keeper", "company"}
    assert set(deal.codecs) == set(deal.fields)
    assert "amount" in deal.retired_keys
    assert deal.full is FULL.objects["deal"]
    assert set(deal.hidden.fields) == {"amount", "boss", "about"}
    assert found.object("people") is found.object("person") is None
    assert {v.name for v in found.views.values()} == {"All"}
    assert found.views["v3"].columns == ({"field_id": "deal.name"},)
    assert found.views["v3"].aggregates == ()
    assert set(found.link_types) == {"owns"}
    assert found.link_types["owns"].target_kinds == ("company",)


@pytest.mark.parametrize("path", ["amount", "amout", "boss.name", "deal.amount"])
def test_no_filter_finds_a_hidden_field_and_no_hint_names_it(path: str) -> None:
    found = seen(**HIDDEN)
    with pytest.raises(Invalid) as refused:
        parse(found, found.objects["deal"], {path: {"eq": 1}})
    said = str(refused.value).replace(repr(path), "").replace(f"filter.{path}", "")
    assert "amount" not in said
    assert "person" not in said


def test_read_only_fields_are_named_and_nothing_else_may_be_written() -> None:
    deal = seen(fields={"deal.name": FieldAccess(update=False)}).objects["deal"]
    assert deal.read_only == {"name"}
    company = seen().objects["company"]
    assert company.read_only == set(company.fields)
    assert seen().objects["deal"].read_only == frozenset()


@pytest.mark.parametrize("path", ["created_by.id", "owner", "keeper"])
def test_me_is_who_asks_of_actors_uuids_and_texts(path: str) -> None:
    found = seen("0192aa00-0000-7000-8000-000000000001", rule={path: "me"})
    tree = ruled(found.objects["deal"], None, NOW)
    assert tree is not None
    assert to_json(tree) == {path: {"eq": "0192aa00-0000-7000-8000-000000000001"}}


def record(**fields: object) -> dict[str, object]:
    return {"id": "1", "fields": fields}


def test_rules_bind_the_object_and_the_way_through_relations() -> None:
    access = Access(
        "sales",
        {
            "deal": ObjectAccess(("read",), rule={"name": "mine"}),
            "company": ObjectAccess(("read",), rule={"name": "seen"}),
        },
    )
    found = restrict(FULL, access, "ada")
    deal = found.objects["deal"]
    context = EvalContext(NOW)
    own = compile_closure(ruled(deal, None, NOW), context)
    assert own(record(name="mine"))
    assert not own(record(name="other"))

    tree = parse(found, deal, {"company.name": {"starts_with": "s"}})
    for name, reached in (("seen", True), ("secret", False)):
        company = record(name=name)
        through = compile_closure(tree, context, lambda _hop, _record, c=company: [c])  # type: ignore[misc]
        assert through(record(company="x")) is reached
    empty = compile_closure(
        parse(found, deal, {"company.name": {"is_empty": True}}),
        context,
        lambda _hop, _record: [record(name="secret")],
    )
    assert empty(record(company="x"))  # like a company that does not exist


def test_a_rule_that_makes_no_sense_lets_nothing_through() -> None:
    found = seen(rule={"no_such_field": 1})
    tree = ruled(found.objects["deal"], None, NOW)
    assert not compile_closure(tree, EvalContext(NOW))(record(name="x"))


def test_restrictions_are_held_by_version_permissions_and_person() -> None:
    held = Restrictions()
    plain = msgspec.json.encode(Access("a", {"deal": ObjectAccess(("read",))}))
    mine = msgspec.json.encode(
        Access("a", {"deal": ObjectAccess(("read",), rule={"keeper": "me"})})
    )
    assert held.of(FULL, plain, "ada") is held.of(FULL, plain, "bob")
    assert held.of(FULL, mine, "ada") is held.of(FULL, mine, "ada")
    assert held.of(FULL, mine, "ada") is not held.of(FULL, mine, "bob")
    newer = Workspace(msgspec.structs.replace(SNAPSHOT, version=8))
    assert held.of(newer, plain, "ada").version == 8
    small = Restrictions(max_fields=1)
    first = small.of(FULL, plain, "ada")
    small.of(FULL, mine, "ada")
    assert small.of(FULL, plain, "ada") is not first
