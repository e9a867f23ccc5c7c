"""One workspace, a few records and a table of filters with their answers, for every compiler."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.filters.context import EvalContext
from schema.filters.tree import Hop, Via
from schema.fold import fold
from schema.model import Field, FieldType, LinkType, Object, Option, Snapshot

WORKSPACE = "00000000-0000-7000-8000-00000000000f"
DEAL, COMPANY, PERSON = (f"00000000-0000-7000-8000-0000000000{n:02x}" for n in (1, 2, 3))
CTX = EvalContext(datetime(2026, 3, 11, 10, 30, tzinfo=UTC), "Europe/Berlin", "monday", "ada")


def record_id(n: int) -> str:
    return f"01920000-0000-7000-8000-{n:012x}"


def _options(*values: str) -> tuple[Option, ...]:
    return tuple(Option(f"o-{v}", v, v, position=i) for i, v in enumerate(values))


def _fields(object_id: str, *rows: tuple[str, FieldType, dict[str, Any]]) -> tuple[Field, ...]:
    return tuple(
        Field(id=f"{object_id[-2:]}-{name}", object_id=object_id, name=name, type=kind, **more)
        for name, kind, more in rows
    )


_T = FieldType


def a_world(
    stages: tuple[str, ...] = ("new", "won", "lost"),
    tags: tuple[str, ...] = ("red", "green", "blue"),
    keys: dict[str, str] | None = None,
) -> Workspace:
    """Deals with a field of every type, companies in trees, people; `keys` are first names."""
    rows: list[tuple[str, FieldType, dict[str, Any]]] = [
        ("title", _T.TEXT, {}),
        ("notes", _T.RICH_TEXT, {}),
        ("score", _T.NUMBER, {"settings": {"max": 100}}),
        ("rate", _T.DECIMAL, {"settings": {"scale": 2}}),
        ("hot", _T.BOOLEAN, {}),
        ("due", _T.DATE, {}),
        ("seen", _T.DATE_TIME, {}),
        ("stage", _T.SELECT, {"options": _options(*stages)}),
        ("tags", _T.MULTI_SELECT, {"options": _options(*tags)}),
        ("stars", _T.RATING, {}),
        ("amount", _T.CURRENCY, {}),
        ("contact", _T.FULL_NAME, {}),
        ("emails", _T.EMAILS, {}),
        ("phones", _T.PHONES, {}),
        ("links", _T.LINKS, {}),
        ("place", _T.ADDRESS, {}),
        ("words", _T.ARRAY, {}),
        ("meta", _T.JSON, {}),
        ("token", _T.UUID, {}),
        ("company", _T.RELATION, {"settings": {"targets": ["company"], "inverse_name": "deals"}}),
        (
            "subject",
            _T.RELATION,
            {"settings": {"targets": ["company", "person"], "inverse_name": "mentions"}},
        ),
        ("files", _T.FILE, {}),
        ("owner", _T.ACTOR, {}),
        ("rank", _T.POSITION, {}),
        ("serial", _T.AUTO_NUMBER, {}),
        ("motto", _T.FORMULA, {}),
        ("total", _T.ROLLUP, {}),
        ("gone", _T.TEXT, {"active": False}),
    ]
    keys = keys if keys is not None else {"title": "name"}
    keyed = [(name, kind, {**more, "key": keys.get(name, "")}) for name, kind, more in rows]
    deal = Object(id=DEAL, name="deal", plural_name="deals", fields=_fields(DEAL, *keyed))
    company = Object(
        id=COMPANY,
        name="company",
        plural_name="companies",
        fields=_fields(
            COMPANY,
            ("name", _T.TEXT, {}),
            ("size", _T.NUMBER, {}),
            (
                "parent",
                _T.RELATION,
                {"settings": {"targets": ["company"], "inverse_name": "parts"}},
            ),
        ),
    )
    name = _fields(PERSON, ("name", _T.TEXT, {}))
    person = Object(id=PERSON, name="person", plural_name="people", fields=name)
    ally = LinkType("l-ally", "allies", "ally_of", ("company",), ("company",))
    objects = (deal, company, person)
    return Workspace(Snapshot(WORKSPACE, 1, objects=objects, link_types=(ally,)))


WORLD = a_world()
DEALS = WORLD.objects["deal"]
COMPANIES = WORLD.objects["company"]


def a_record(n: int, obj: CompiledObject = DEALS, **more: Any) -> dict[str, Any]:
    """A record by document key, with platform fields that `more` may replace."""
    platform = {
        "id": record_id(n),
        "create_time": datetime(2026, 3, 1, tzinfo=UTC),
        "update_time": datetime(2026, 3, 2, tzinfo=UTC),
        "delete_time": None,
        "created_by": {"kind": "user", "id": "ada", "name": "Ada"},
        "updated_by": {"kind": "system", "id": None, "name": None},
        "position": Decimal(n),
        "version": 1,
    }
    given = {name: more.pop(name) for name in platform if name in more}
    return {**platform, **given, "object_id": obj.id, "fields": more}


FULL = a_record(
    1,
    name="Straße 100% a_b\\c",
    notes={"markdown": "# Café"},
    score=Decimal("12.5"),
    rate="12.50",
    hot=True,
    due="2026-03-10",
    seen="2026-03-10T23:30:00.5Z",
    stage="won",
    tags=["red", "blue"],
    stars=4,
    amount={"amount_micros": 5_000_000, "currency_code": "EUR"},
    contact={"first_name": "Zoë", "last_name": None},
    emails={"primary": "ada@example.com", "additional": ["bob@example.com"]},
    phones={
        "primary": {"number": "+4930123456", "country_code": "DE", "extension": None},
        "additional": [{"number": "+33123456789", "country_code": "FR", "extension": None}],
    },
    links={"primary": {"url": "https://acme.com", "label": "Acme"}, "secondary": []},
    place={
        **dict.fromkeys(("street1", "street2", "postcode", "state", "lng")),
        "city": "Zürich",
        "country": "CH",
        "lat": Decimal("47.4"),
    },
    words=["one", "two", "two"],
    meta={"a": {"b": 1, "t": True}, "list": [1, {"x": None}], "nil": None},
    token="0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e",
    company=record_id(100),
    subject={"object": "company", "id": record_id(101)},
    files=["0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1f"],
    owner={"kind": "user", "id": "ada", "name": "Ada Łovelace"},
    rank=Decimal("1.5"),
)
EMPTY = a_record(2, created_by=None, position=None, update_time=datetime(2026, 3, 11, tzinfo=UTC))
ORPHAN = a_record(3, company=record_id(102), name="istanbul İ", stage="new", due="2026-03-11")
CHILD = a_record(4, company=record_id(101), name="STRASSE", stage="lost", score=3, hot=False)
ACME = a_record(100, COMPANIES, name="Acme", size=10)
PART = a_record(101, COMPANIES, name="Part", size=5, parent=record_id(100))
DELETED = a_record(
    102, COMPANIES, name="Acme", size=9, delete_time=datetime(2026, 3, 3, tzinfo=UTC)
)
LONELY = a_record(103, COMPANIES, name="Lonely")
RECORDS = [FULL, EMPTY, ORPHAN, CHILD]
EVERYONE = [*RECORDS, ACME, PART, DELETED, LONELY]


def related_among(records: list[dict[str, Any]]) -> Any:
    """`related` over records in memory, as `compile_closure` takes it."""
    live = [r for r in records if r["delete_time"] is None]
    by_id = {r["id"]: r for r in live}

    def related(hop: Hop, record: Any) -> list[Any]:
        assert hop.field is not None
        key = hop.field.key or hop.field.name
        if hop.via is Via.RELATION:
            found = by_id.get(record["fields"].get(key))
            return [found] if found else []
        here = [r for r in live if r["object_id"] == hop.object_id]
        return [r for r in here if _target(r["fields"].get(key)) == record["id"]]

    return related


def _target(value: Any) -> Any:
    return value["id"] if isinstance(value, dict) else value


def folds_of(value: Any, path: str = "") -> dict[str, str]:
    """What the store keeps beside a document: the fold of each text that is not pure ASCII."""
    if isinstance(value, str):
        return {} if value.isascii() else {path: fold(value)}
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for key, one in value.items():
        found |= folds_of(one, f"{path}.{key}" if path else key)
    return found


@dataclass(frozen=True)
class Case:
    """A filter on deals, and the numbers of the records of RECORDS that pass."""

    filter: dict[str, Any]
    passes: set[int]


def _case(document: dict[str, Any], *numbers: int) -> Case:
    return Case(document, set(numbers))


CASES = [
    _case({"title": {"eq": "STRASSE"}}, 4),
    _case({"title": "STRASSE"}, 4),
    _case({"title": {"ne": "STRASSE"}}, 1, 2, 3),
    _case({"title": {"in": ["STRASSE", "x"]}}, 4),
    _case({"title": {"not_in": ["STRASSE", "x"]}}, 1, 2, 3),
    _case({"title": {"is_empty": True}}, 2),
    _case({"title": {"is_empty": False}}, 1, 3, 4),
    _case({"title": {"contains": "100%"}}, 1),
    _case({"title": {"contains": "1%"}}),
    _case({"title": {"contains": "a_b"}}, 1),
    _case({"title": {"contains": "a%b"}}),
    _case({"title": {"ends_with": "b\\c"}}, 1),
    _case({"title": {"starts_with": "Str"}}, 1),
    _case({"title": {"istarts_with": "STRASSE"}}, 1, 4),
    _case({"title": {"icontains": "strasse"}}, 1, 4),
    _case({"title": {"ieq": "straße"}}, 4),
    _case({"title": {"iends_with": "i"}}, 3),
    _case({"title": {"search": "A_B straße"}}, 1),
    _case({"title": {"gt": "ISTANBUL"}}, 1, 3, 4),
    _case({"title": {"lte": "straße"}}, 3, 4),
    _case({"title": {"between": ["i", "J"]}}, 3),
    _case({"notes": {"icontains": "cafe"}}, 1),
    _case({"notes": {"is_empty": True}}, 2, 3, 4),
    _case({"score": {"gte": 12.5}}, 1),
    _case({"score": {"lt": 1000}}, 1, 4),
    _case({"score": {"ne": 3}}, 1, 2, 3),
    _case({"score": {"in": [3, 12.50]}}, 1, 4),
    _case({"score": {"gt": 2, "lt": 4}}, 4),
    _case({"rate": {"eq": 12.5}}, 1),
    _case({"rate": {"between": ["12.499", "12.501"]}}, 1),
    _case({"hot": True}, 1),
    _case({"hot": {"ne": True}}, 2, 3, 4),
    _case({"hot": {"in": [True, False]}}, 1, 4),
    _case({"due": {"lt": "2026-03-11"}}, 1),
    _case({"due": {"within": "yesterday"}}, 1),
    _case({"due": {"within": "this_week"}}, 1, 3),
    _case({"due": {"within": "past"}}, 1),
    _case({"due": {"within": "today"}}, 3),
    _case({"seen": {"within": "today"}}, 1),  # 00:30 in Berlin
    _case({"seen": {"within": {"last": "PT11H"}}}, 1),
    _case({"seen": {"within": {"last": "PT10H"}}}),
    _case({"seen": {"gt": "2026-03-10T23:30:00Z"}}, 1),
    _case({"seen": {"eq": "2026-03-11T00:30:00.500+01:00"}}, 1),
    _case({"not": {"seen": {"within": "future"}}}, 1, 2, 3, 4),
    _case({"stage": {"gte": "won"}}, 1, 4),
    _case({"stage": {"between": ["new", "won"]}}, 1, 3),
    _case({"stage": {"not_in": ["new"]}}, 1, 2, 4),
    _case({"tags": {"contains_any": ["green", "blue"]}}, 1),
    _case({"tags": {"contains_all": ["red", "green"]}}),
    _case({"tags": {"contains_none": ["red"]}}, 2, 3, 4),
    _case({"tags": {"eq": ["blue", "red"]}}, 1),
    _case({"stars": {"gt": 3}}, 1),
    _case({"amount": {"eq": {"amount": "5", "currency_code": "eur"}}}, 1),
    _case({"amount": {"is_empty": True}}, 2, 3, 4),
    _case({"amount.amount_micros": {"gte": 5000000}}, 1),
    _case({"amount.currency_code": "eur"}, 1),
    _case({"contact.first_name": {"ieq": "zoe"}}, 1),
    _case({"contact.last_name": {"is_empty": False}}),
    _case({"emails.primary": "ADA@Example.com"}, 1),
    _case({"emails.primary": {"contains": "ADA@"}}, 1),
    _case({"emails.additional": {"contains_any": ["Bob@Example.com"]}}, 1),
    _case({"emails": {"ne": "ada@example.com"}}, 1, 2, 3, 4),
    _case({"phones.primary.number": "+49 30 123456"}, 1),
    _case({"phones.primary": {"eq": "+49 30 123456"}}, 1),
    _case({"phones.additional.number": {"contains_all": ["+33123456789"]}}, 1),
    _case({"links.primary.url": "acme.com"}, 1),
    _case({"links.secondary.url": {"is_empty": False}}),
    _case({"place.city": {"icontains": "zurich"}}, 1),
    _case({"place.lat": {"between": [47, 48]}}, 1),
    _case({"words": {"contains_all": ["one", "two"]}}, 1),
    _case({"words": {"eq": ["one", "two", "two"]}}, 1),
    _case({"meta": {"path_eq": {"path": "a.b", "value": 1.0}}}, 1),
    _case({"meta": {"path_eq": {"path": "a.t", "value": 1}}}),
    _case({"meta": {"path_eq": {"path": "list", "value": [1, {"x": None}]}}}, 1),
    _case({"meta": {"has_key": "nil"}}, 1),
    _case({"meta": {"has_key": "list.0"}}),
    _case({"token": "0192F3A15C3E7B5A9D532F0C8F1F6B1E"}, 1),
    _case({"company": record_id(100)}, 1),
    _case({"company": {"ne": record_id(100)}}, 2, 3, 4),
    _case({"company.name": "Acme"}, 1),
    _case({"company.name": {"ne": "Acme"}}, 2, 3, 4),
    _case({"company.name": {"is_empty": True}}, 2, 3),
    _case({"company.parent.name": {"istarts_with": "ac"}}, 4),
    _case({"company.size": {"lt": 100}}, 1, 4),
    _case({"company.id": {"in": [record_id(101), record_id(102)]}}, 4),
    _case({"company.deals": {"some": {"stage": "lost"}}}, 4),
    _case({"company.parts": {"none": {"size": {"gt": 4}}}}, 2, 3, 4),
    _case({"company.parts": {"every": {"size": {"gt": 5}}}}, 2, 3, 4),
    _case({"company": {"some": {"size": 10}}}, 1),
    _case({"subject": record_id(101)}, 1),
    _case({"subject": {"eq": {"object": "company", "id": record_id(101)}}}, 1),
    _case({"files": {"contains_any": ["0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1f"]}}, 1),
    _case({"owner": "me"}, 1),
    _case({"owner.name": {"icontains": "ŁOVE"}}, 1),
    _case({"rank": {"lt": 2}}, 1),
    _case({"id": {"in": [record_id(1), record_id(9)]}}, 1),
    _case({"created_by.id": "me"}, 1, 3, 4),
    _case({"created_by": {"ne": "me"}}, 2),
    _case({"created_by.kind": {"in": ["user"]}}, 1, 3, 4),
    _case({"updated_by.id": {"is_empty": True}}, 1, 2, 3, 4),
    _case({"update_time": {"within": "today"}}, 2),
    _case({"delete_time": {"is_empty": True}}, 1, 2, 3, 4),
    _case({"position": {"lte": 3}}, 1, 3),
    _case({"version": {"eq": 1}}, 1, 2, 3, 4),
    _case({"or": [{"stage": "won"}, {"stage": "lost"}], "hot": False}, 4),
    _case({"not": {"or": [{"stage": "won"}, {"hot": False}]}}, 2, 3),
]
