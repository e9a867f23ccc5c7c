"""What makes two records the same where fields are unique together."""

from typing import Any

import pytest

from schema.access import Access, FieldAccess, ObjectAccess, restrict
from schema.compiled import CompiledObject, Workspace
from schema.field_changes import FieldChange
from schema.model import Field, FieldType, Object, Snapshot, UniqueConstraint
from schema.values import composite_key

NAME = Field("f1", "o", "name", FieldType.TEXT, settings={"case_insensitive": True})
STAGE = Field("f2", "o", "stage", FieldType.SELECT, key="old_stage")
COMPANY = Field("f3", "o", "company", FieldType.RELATION, settings={"targets": ["a", "b"]})
AFLOAT = Field("f4", "o", "afloat", FieldType.BOOLEAN)
FIELDS = (NAME, STAGE, COMPANY, AFLOAT)
FULL = {"name": "Argo", "old_stage": "won", "company": {"object": "a", "id": "x"}, "afloat": False}
PAIR = UniqueConstraint("c", "pair", ("f1", "f2"))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"name": "ARGO"}, True),
        ({"company": {"id": "x", "object": "a"}}, True),
        ({"company": {"object": "b", "id": "y"}}, False),
        ({"afloat": True}, False),
        ({"old_stage": "open"}, False),
        ({"other": 1}, True),
    ],
)
def test_records_clash_where_all_parts_are_equal(change: dict[str, Any], same: bool) -> None:
    assert (composite_key(FIELDS, FULL | change) == composite_key(FIELDS, FULL)) is same


@pytest.mark.parametrize("key", FULL)
def test_a_record_that_is_empty_in_one_part_clashes_with_none(key: str) -> None:
    assert composite_key(FIELDS, FULL | {key: None}) is None


def test_parts_are_not_run_together() -> None:
    other = Field("f5", "o", "other", FieldType.TEXT)
    texts = ['a","b', "a", "b", 'b","c', ",", ""]
    pairs = [{"name": one, "other": two} for one in texts for two in texts]
    assert len({composite_key((NAME, other), pair) for pair in pairs}) == len(pairs)


def test_only_what_is_ready_is_enforced_and_a_job_enforces_its_own() -> None:
    building = UniqueConstraint("d", "other", ("f1", "f4"), "building")
    obj = CompiledObject(Object("o", "ship", "ships", fields=(NAME, STAGE, AFLOAT),
                                unique_constraints=(PAIR, building)))  # fmt: skip
    assert [c.id for c, _ in obj.unique_together] == ["c"]
    change = FieldChange(NAME, NAME, constraint=building, parts=(NAME, AFLOAT))
    assert [c.id for c, _ in change.both(obj).unique_together] == ["c", "d"]
    behind = CompiledObject(Object("o", "ship", "ships", fields=(NAME,)))
    assert [c.id for c, _ in change.both(behind).unique_together] == ["d"]


def test_a_role_that_does_not_see_a_field_does_not_see_its_constraint() -> None:
    obj = Object("o", "ship", "ships", fields=(NAME, STAGE), unique_constraints=(PAIR,))
    workspace = Workspace(Snapshot("w", 1, (obj,)))
    hidden = ObjectAccess(("read", "create"), {"f2": FieldAccess(read=False)})
    seen = restrict(workspace, Access("r", {"o": hidden}), "me").objects["ship"]
    assert seen.unique_together == ()
    assert [c.name for c, _ in seen.full.unique_together] == ["pair"]
