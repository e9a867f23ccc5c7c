"""Check what a filter is told to read of related records, and which of its ways can't be gone."""

import pytest

from schema.access import Access, FieldAccess, ObjectAccess, restrict
from schema.compiled import Workspace
from schema.filters import along
from schema.filters.parse_json import parse
from schema.filters.tree import Tree
from schema.model import Field, FieldType, Object, Snapshot
from schema.problems import Invalid

T = FieldType


def a_field(owner: str, name: str, kind: FieldType = T.TEXT, **settings: object) -> Field:
    return Field(f"{owner}.{name}", owner, name, kind, settings=settings)


FULL = Workspace(
    Snapshot(
        "w",
        1,
        objects=(
            Object("deal", "deal", "deals", fields=(
                a_field("deal", "name"),
                a_field("deal", "firm", T.RELATION, targets=["firm"], inverse_name="deals"),
                a_field("deal", "rival", T.RELATION, targets=["firm"]),
            )),
            Object("firm", "firm", "firms", fields=(
                a_field("firm", "name"),
                a_field("firm", "size", T.NUMBER),
                a_field("firm", "group", T.RELATION, targets=["firm"], inverse_name="parts"),
            )),
        ),
    )
)  # fmt: skip
DEAL, FIRM = FULL.objects["deal"], FULL.objects["firm"]


def tree(document: object, obj: str = "deal") -> Tree:
    found = parse(FULL, FULL.objects[obj], document)
    assert found is not None
    return found


def test_what_is_read_of_an_object_is_the_same_by_whichever_way() -> None:
    """So that a record that two ways lead to is fetched once, with all that both read."""
    first = tree({"firm.name": "a", "firm.group.size": 3, "name": "x"})
    second = tree({"rival": {"some": {"group": {"some": {"name": "b"}}}}})
    steps = along.union([along.steps_of(first), along.steps_of(second)])
    assert set(steps) == {"deal.firm", "deal.rival"}
    assert along.reads(steps) == {"firm": {"firm.name", "firm.size", "firm.group"}}
    deals = [{"id": "d", "fields": {"firm": one, "rival": None}} for one in ("f1", "f2", "f1")]
    assert along.targets(steps["deal.firm"], deals) == ["f1", "f2"]
    assert along.targets(steps["deal.rival"], deals) == []


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({"firm.name": "a"}, []),
        ({"firm": {"some": {"name": "a"}}}, []),
        ({"firm": {"some": {"deals": {"none": {"name": "a"}}}}}, ["at.deals"]),
        ({"or": [{"firm": {"every": {"parts": {"some": {"size": 1}}}}}]}, ["at.parts"]),
    ],
)
def test_a_way_back_is_none(document: object, wrong: list[str]) -> None:
    assert [one.path for one in along.problems(tree(document), "at")] == wrong


def test_what_a_role_hides_of_the_way_or_at_its_end_is_told_by_its_name() -> None:
    firm = ObjectAccess(("read",), {"firm.size": FieldAccess(read=False)})
    seen = restrict(FULL, Access("r", {"deal": ObjectAccess(("read",)), "firm": firm}), "")
    document = {"firm.name": "a", "firm.size": 3, "firm.group.size": 1}
    found = along.unseen(tree(document), DEAL, seen, "condition")
    assert [one.path for one in found] == ["condition.firm.size", "condition.firm.group.size"]
    alone = restrict(FULL, Access("r", {"deal": ObjectAccess(("read",))}), "")
    assert [one.path for one in along.unseen(tree(document), DEAL, alone, "c")] == [
        "c.firm.name", "c.firm.size", "c.firm.group.size"
    ]  # fmt: skip
    assert not along.unseen(tree({"name": "x"}), DEAL, alone, "c"), "its own fields are the event's"


def test_nothing_leads_on_from_an_object_that_the_writer_does_not_see() -> None:
    seen = restrict(FULL, Access("r", {"firm": ObjectAccess(("read",))}), "")

    def read(document: object) -> Tree | None:
        return along.read_as(
            FULL, seen, DEAL, lambda space, obj: parse(space, obj, document), "condition"
        )

    assert read({"name": "x"}) is not None
    with pytest.raises(Invalid) as caught:
        read({"firm.name": "x"})
    assert [one.code for one in caught.value.problems] == ["NOT_READABLE"]
