"""A timeline tells a custom role of visible fields and of nodes that it may see, and of no run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from planes.nodes import Node
from schema.access import Access, FieldAccess, ObjectAccess, restrict
from schema.compiled import Workspace
from schema.model import Field, FieldType, Object, Snapshot
from services.artifacts.logic import showing
from services.artifacts.model import Item

DEAL = Object(
    "deal",
    "deal",
    "deals",
    fields=tuple(Field(n, "deal", n, FieldType.TEXT) for n in ("name", "margin")),
)
ACCESS = Access("x", {"deal": ObjectAccess(("read",), {"margin": FieldAccess(read=False)})})
SEEN = restrict(Workspace(Snapshot("w", 1, (DEAL,))), ACCESS, "ada")
TARGET, NEAR, FAR = (Node("deal", UUID(int=n)) for n in (1, 2, 3))


def item(kind: str, **data: Any) -> Item:
    return Item(
        id=UUID(int=9),
        target=TARGET,
        type=kind,
        data=data,
        actor={},
        occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
        event_id=UUID(int=8),
        trace_id="",
    )


def test_hidden_changes_links_and_runs_are_cut() -> None:
    change = {"before": None, "after": "sesame"}
    items = [
        item("record.updated", version=2, changes={"name": change, "margin": change}),
        item("record.updated", version=3, changes={"margin": change}),
        item("record.deleted", version=4),
        item("link.created", other=NEAR.document()),
        item("link.created", other=FAR.document()),
        item("run.failed", error="margin sesame"),
        item("comment", text="hello"),
    ]
    assert showing.others(items) == [NEAR, FAR]
    found = showing.shown(SEEN, items, {NEAR: True, FAR: False})
    assert [(one.type, one.data) for one in found] == [
        ("record.updated", {"version": 2, "changes": {"name": change}}),
        ("record.updated", {"version": 3, "changes": {}}),
        ("record.deleted", {"version": 4}),
        ("link.created", {"other": NEAR.document()}),
        ("comment", {"text": "hello"}),
    ]


def test_a_field_does_not_inherit_the_history_of_another_of_its_name() -> None:
    made = datetime(2026, 11, 20, 12, tzinfo=UTC)
    born = UUID(int=(int(made.timestamp() * 1000) << 80) | (0x7 << 76) | (0x2 << 62))
    margin = Field(str(born), "deal", "margin", FieldType.TEXT)
    deal = Object("deal", "deal", "deals", fields=(margin,))
    access = Access("x", {"deal": ObjectAccess(("read",))})
    seen = restrict(Workspace(Snapshot("w", 1, (deal,))), access, "ada")
    change = {"before": None, "after": "sesame"}
    items = [
        replace(item("record.updated", changes={"margin": change}), occurred_at=made + after)
        for after in (timedelta(hours=-1), timedelta(hours=1))
    ]
    found = showing.shown(seen, items, {})
    assert [one.data["changes"] for one in found] == [{}, {"margin": change}]
