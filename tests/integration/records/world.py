"""The definitions that these tests' workspaces share: every field type that counts, three objects,
views of each type."""

from typing import Any
from uuid import UUID

from schema.compiled import Workspace
from schema.model import Field, FieldType, LinkType, Object, Option, Snapshot, View, ViewType

T = FieldType
STAGES = ("new", "qualified", "proposal", "won", "lost")
TAGS = ("red", "green", "blue")


def an_id(n: int) -> str:
    return str(UUID(int=0x019AA000_0000_7000_8000_000000000000 + n))


DEAL, COMPANY, PERSON = an_id(1), an_id(2), an_id(3)


def options(*values: str) -> tuple[Option, ...]:
    return tuple(
        Option(an_id(0x5000 + sum(v.encode())), v, v.title(), "green", i)
        for i, v in enumerate(values)
    )


def fields(object_id: str, lead: int, *rows: tuple[str, FieldType, dict[str, Any]]) -> Any:
    found = []
    for n, (name, kind, more) in enumerate(rows):
        settings: dict[str, Any] = {"key": name, "position": n} | more
        found.append(
            Field(id=an_id(lead + n), object_id=object_id, name=name, type=kind, **settings)
        )
    return tuple(found)


DEAL_FIELDS = fields(
    DEAL,
    0x100,
    ("name", T.TEXT, {"required": True}),
    ("code", T.TEXT, {"unique": True}),
    ("slug", T.TEXT, {"unique": True, "settings": {"case_insensitive": True}}),
    ("stage", T.SELECT, {"options": options(*STAGES)}),
    ("tags", T.MULTI_SELECT, {"options": options(*TAGS)}),
    ("amount", T.CURRENCY, {}),
    ("n", T.NUMBER, {}),
    ("whole", T.NUMBER, {"settings": {"integer": True, "min": 0}}),
    ("rate", T.DECIMAL, {"settings": {"scale": 2}}),
    ("exact", T.DECIMAL, {"settings": {"scale": 0}}),
    ("rating", T.RATING, {}),
    ("active", T.BOOLEAN, {}),
    ("closes", T.DATE, {}),
    ("until", T.DATE, {}),
    ("starts", T.DATE_TIME, {}),
    ("ends", T.DATE_TIME, {}),
    ("contact", T.EMAILS, {"unique": True}),
    ("who", T.FULL_NAME, {}),
    ("phones", T.PHONES, {}),
    ("sites", T.LINKS, {}),
    ("place", T.ADDRESS, {}),
    ("words", T.ARRAY, {}),
    ("meta", T.JSON, {}),
    ("notes", T.RICH_TEXT, {}),
    ("token", T.UUID, {}),
    ("company", T.RELATION, {"settings": {"targets": ["company"], "inverse_name": "deals"}}),
    ("subject", T.RELATION, {"settings": {"targets": ["company", "person"]}}),
    ("level", T.TEXT, {"default": "basic"}),
    ("plain", T.TEXT, {"indexed": False}),
    ("renamed", T.TEXT, {"key": "first_name_it_had"}),
    ("gone", T.TEXT, {"active": False}),
)
COMPANY_FIELDS = fields(
    COMPANY,
    0x200,
    ("name", T.TEXT, {}),
    ("domain", T.TEXT, {"unique": True}),
    ("size", T.NUMBER, {}),
    ("parent", T.RELATION, {"settings": {"targets": ["company"]}}),
)
PERSON_FIELDS = fields(
    PERSON,
    0x300,
    ("name", T.TEXT, {}),
    ("email", T.EMAILS, {"unique": True}),
    ("employer", T.RELATION, {"settings": {"targets": ["company"]}}),
    ("seat", T.SELECT, {"required": True, "default": "window", "options": options("window")}),
)


def field_id(name: str) -> str:
    return str(next(f.id for f in DEAL_FIELDS if f.name == name))


def a_view(n: int, name: str, kind: ViewType, **more: Any) -> View:
    return View(id=an_id(0x700 + n), object_id=DEAL, name=name, type=kind, **more)


def total(name: str) -> dict[str, str]:
    return {"fn": "sum", "field_id": field_id(name), "as": f"total_{name}"}


VIEWS = (
    a_view(
        0,
        "Pipeline",
        ViewType.KANBAN,
        group_field_id=field_id("stage"),
        aggregates=({"fn": "count"}, *map(total, ("amount", "n", "rate", "exact"))),
    ),
    a_view(1, "Switch", ViewType.KANBAN, group_field_id=field_id("active"), sort="-n"),
    a_view(
        2,
        "Agenda",
        ViewType.CALENDAR,
        date_field_id=field_id("closes"),
        end_date_field_id=field_id("until"),
    ),
    a_view(3, "Won", ViewType.TABLE, filter={"stage": "won"}, sort="-n"),
    a_view(4, "Mine", ViewType.TABLE, visibility="private", created_by="somebody else"),
    a_view(
        5,
        "Hot pipeline",
        ViewType.KANBAN,
        group_field_id=field_id("stage"),
        filter={"rating": {"gte": 4}},
    ),
)
OBJECTS = (
    Object(id=DEAL, name="deal", plural_name="deals", fields=DEAL_FIELDS),
    Object(id=COMPANY, name="company", plural_name="companies", fields=COMPANY_FIELDS),
    Object(id=PERSON, name="person", plural_name="people", fields=PERSON_FIELDS),
)


def definitions(workspace_id: UUID, link_types: tuple[LinkType, ...] = ()) -> Workspace:
    return Workspace(Snapshot(str(workspace_id), 3, OBJECTS, VIEWS, link_types, "Europe/Berlin"))
