"""Random worlds, records and filters from a seed: every type, every operator, awkward text."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.field_types import FIELD_TYPES
from schema.filters.context import WEEKDAYS, EvalContext
from schema.filters.operators import ITEMS, NEEDLES, OPERATORS
from schema.filters.paths import leaf_names, resolve_path
from schema.filters.scalars import getter
from schema.filters.tree import Kind, Leaf
from schema.model import Field, FieldType
from tests.unit.filters.cases import a_record, a_world, record_id

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night Europe's clocks go forward
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu")
# fmt: off
_PIECES = [
    "a", "A", "b", "z", "Z", "0", "9", " ", "%", "_", "\\", "'", '"', "%(p0)s", "$1", "\n", "\t",
    "ä", "Ä", "ß", "ẞ", "ss", "SS", "İ", "I", "\u0131", "i", "E", "é", "e\u0301", "\u0301",
    "\u0345", "ﬁ", "fi", "Å", "A\u030a", "\u03a3", "\u03c3", "ς", "Ω", "ŉ", "ǰ", "½", "①", "ｱ",
    "ア", "ガ", "한", "字", "😀", "👩\u200d👧", "\uffee", "\ue000", "שלום", "مرحبا", "\u202e",
    "\u00a0", "\u00ad",
]
# fmt: on
_NUMBERS = [0, 1, -1, 5, 12, 2**53 + 1, 2**63 - 1, -(2**63), Decimal("0.1"), Decimal("-0.10")]
_NUMBERS += [Decimal("12.5"), Decimal("1e-10"), Decimal("1.5e300"), Decimal(10) ** 30, 0.1, 5.0]
_EMAILS = ["ada@example.com", "Bob@Example.COM", "zoë@bücher.example", "ß@strasse.de"]
_PHONES = ["+4930123456", "+33123456789", "+1 212 555 0100"]
_URLS = ["acme.com", "https://ACME.com/a%20b", "http://bücher.example/?q=_"]


def text(rng: Random, most: int = 4) -> str:
    return "".join(rng.choice(_PIECES) for _ in range(rng.randint(1, most)))


def uuid(rng: Random) -> str:
    return f"0192f3a1-5c3e-7b5a-9d53-00000000000{rng.randint(0, 5)}"


def date(rng: Random) -> str:
    if rng.random() < 0.1:
        return rng.choice(["0001-01-01", "0999-12-31", "9999-12-31"])
    return (NOW.date() + timedelta(days=round(rng.gauss(0, 20)))).isoformat()


def instant(rng: Random) -> str:
    if rng.random() < 0.1:
        return rng.choice(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
    found = NOW + timedelta(hours=rng.randint(-60, 60), minutes=rng.choice([-30, 0, 30]))
    fraction = rng.choice(["", ".5", ".000001", ".50", ".999999"])
    return found.strftime("%Y-%m-%dT%H:%M:%S") + fraction + rng.choice(["Z", "+02:00", "-09:30"])


def json_value(rng: Random, depth: int = 2) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: rng.choice([True, False, 0, 1, Decimal("1.0"), Decimal("0.5"), "", "x", "1"]),
        lambda: text(rng),
        lambda: [json_value(rng, depth - 1) for _ in range(rng.randint(0, 2))],
        lambda: {k: json_value(rng, depth - 1) for k in rng.sample(["a", "b", "ä", "0"], 2)},
    ]
    return rng.choice(choices if depth else choices[:2])()


def _part(rng: Random, make: Callable[[], Any]) -> Any:
    return make() if rng.random() < 0.7 else None


def raw_value(rng: Random, field: Field) -> Any:
    """Something that the field's type accepts."""

    def words() -> str:
        return text(rng)

    options = [option.value for option in field.options]
    match field.type:
        case FieldType.TEXT | FieldType.RICH_TEXT | FieldType.FORMULA:
            return words()
        case FieldType.NUMBER | FieldType.POSITION | FieldType.ROLLUP | FieldType.AUTO_NUMBER:
            return rng.choice(_NUMBERS)
        case FieldType.DECIMAL:
            return rng.choice(["0.00", "-0.01", "12.5", "12", "99999999999999999999.99"])
        case FieldType.BOOLEAN:
            return rng.random() < 0.5
        case FieldType.DATE:
            return date(rng)
        case FieldType.DATE_TIME:
            return instant(rng)
        case FieldType.SELECT:
            return rng.choice(options)
        case FieldType.MULTI_SELECT:
            return rng.sample(options, rng.randint(1, len(options)))
        case FieldType.RATING:
            return rng.randint(1, 5)
        case FieldType.CURRENCY:
            code = rng.choice(["EUR", "usd", "JPY"])
            return {
                "amount_micros": rng.choice([0, 5, -7_000_000, 2**63 - 1]),
                "currency_code": code,
            }
        case FieldType.FULL_NAME:
            return {"first_name": _part(rng, words), "last_name": _part(rng, words)}
        case FieldType.EMAILS:
            return {
                "primary": rng.choice(_EMAILS),
                "additional": rng.sample(_EMAILS, rng.randint(0, 2)),
            }
        case FieldType.PHONES:
            extension = rng.choice([None, "12"])
            primary = {"number": rng.choice(_PHONES), "extension": extension}
            return {"primary": primary, "additional": rng.sample(_PHONES, rng.randint(0, 2))}
        case FieldType.LINKS:
            primary = {"url": rng.choice(_URLS), "label": _part(rng, words)}
            return {"primary": primary, "secondary": rng.sample(_URLS, rng.randint(0, 2))}
        case FieldType.ADDRESS:
            parts = {
                name: _part(rng, words)
                for name in ("street1", "street2", "city", "postcode", "state")
            }
            place = {"country": _part(rng, lambda: rng.choice(["de", "CH", "us"]))}
            coordinates = {
                n: _part(rng, lambda: rng.choice([0, 47.4, -90, 1])) for n in ("lat", "lng")
            }
            return {**parts, **place, **coordinates}
        case FieldType.ARRAY:
            return [words() for _ in range(rng.randint(1, 3))]
        case FieldType.JSON:
            return json_value(rng)
        case FieldType.UUID:
            return uuid(rng)
        case FieldType.RELATION:
            target = record_id(rng.randint(100, 107))
            return (
                target
                if len(field.settings["targets"]) == 1
                else {"object": "company", "id": target}
            )
        case FieldType.FILE:
            return [uuid(rng) for _ in range(rng.randint(1, 2))]
    return actor(rng)


def actor(rng: Random) -> dict[str, Any]:
    who = rng.choice(["ada", "bob", uuid(rng)])
    return {
        "kind": rng.choice(["user", "system"]),
        "id": who,
        "name": _part(rng, lambda: text(rng)),
    }


_COMPUTED = (FieldType.ACTOR, FieldType.FORMULA, FieldType.ROLLUP, FieldType.AUTO_NUMBER)


def stored_value(rng: Random, field: Field) -> Any:
    """A canonical value, or None for empty."""
    raw = raw_value(rng, field)
    if field.type in _COMPUTED:
        return raw
    spec = FIELD_TYPES[field.type]
    settings = {name: setting.default for name, setting in spec.settings.items()} | field.settings
    if field.type is FieldType.NUMBER:
        settings["max"] = None
    return spec.compile(field, settings)(None, raw, field.name)


def document(rng: Random, obj: CompiledObject) -> dict[str, Any]:
    found = {
        field.key or field.name: stored_value(rng, field)
        for field in obj.fields.values()
        if rng.random() < 0.75
    }
    return {key: value for key, value in found.items() if value is not None}


@dataclass
class World:
    """One workspace, its records, and the context a filter is judged in."""

    rng: Random
    workspace: Workspace
    ctx: EvalContext
    records: list[dict[str, Any]]

    @property
    def deals(self) -> CompiledObject:
        return self.workspace.objects["deal"]


def a_random_world(seed: int, deals: int = 14) -> World:
    rng = Random(seed)
    options = ["new", "won", "lost", "Zeta", "_x"]
    rng.shuffle(options)
    keys = {
        name: f"old_{name}" for name in ("title", "amount", "stage", "due") if rng.random() < 0.5
    }
    workspace = a_world(tuple(options), tuple(reversed(options)), keys)
    me = rng.choice(["ada", record_id(100)])
    ctx = EvalContext(NOW, rng.choice(ZONES), rng.choice(WEEKDAYS), me)
    records = [_record(rng, n, workspace.objects["deal"]) for n in range(1, deals + 1)]
    records += [_record(rng, n, workspace.objects["company"]) for n in range(100, 106)]
    return World(rng, workspace, ctx, records)


def _record(rng: Random, n: int, obj: CompiledObject) -> dict[str, Any]:
    def stamp() -> datetime:
        return datetime.fromisoformat(instant(rng))

    record = a_record(
        n,
        obj,
        create_time=stamp(),
        update_time=stamp(),
        delete_time=stamp() if rng.random() < 0.2 else None,
        created_by=_part(rng, lambda: actor(rng)),
        updated_by=_part(rng, lambda: actor(rng)),
        position=_part(rng, lambda: Decimal(str(rng.choice(_NUMBERS)))),
        version=rng.randint(1, 3),
    )
    record["fields"] = document(rng, obj)
    return record


def every_pair(obj: CompiledObject, workspace: Workspace) -> list[tuple[str, str]]:
    """Each leaf of an object with each operator that it takes."""
    return [
        (name, op)
        for name in leaf_names(obj)
        for op in OPERATORS[resolve_path(workspace, obj, name, "f").leaf.kind]
    ]


def an_operand(world: World, leaf: Leaf, op: str) -> Any:
    """An operand made up, or as often taken from what the records hold."""
    rng = world.rng
    held = [v for v in map(getter(leaf), world.records) if v is not None]

    def one() -> Any:
        return _spelled(leaf, rng.choice(held)) if held and rng.random() < 0.6 else _one(rng, leaf)

    match op:
        case "is_empty":
            return rng.random() < 0.5
        case "within":
            return a_range(rng, leaf.kind)
        case "in" | "not_in":
            return [one() for _ in range(rng.randint(1, 3))]
        case "between":
            return [one(), one()]
        case "has_key":
            return rng.choice(["a", "b.a", "ä", "0", "a.0", "x"])
        case "path_eq":
            path = rng.choice(["a", "b.a", "ä", "0", "a.0"])
            return {"path": path, "value": json_value(rng, 1)}
    if op in ITEMS:
        return [rng.choice(one() or ["x"]) for _ in range(rng.randint(1, 2))]
    if op in NEEDLES:
        whole = str(one())
        start = rng.choice([0, 0, rng.randint(0, len(whole))])
        return rng.choice(
            [whole, whole[start:], whole[: start + 2], whole.swapcase(), text(rng, 1)]
        )
    return one()


def _spelled(leaf: Leaf, held: Any) -> Any:
    """What a getter gave, as a caller would write it."""
    return f"{held}Z" if leaf.kind is Kind.DATE_TIME else held


def a_range(rng: Random, kind: Kind) -> Any:
    unit = rng.choice(["day", "week", "month", "quarter", "year"])
    names: list[Any] = ["today", "yesterday", "tomorrow", "past", "future", f"this_{unit}"]
    names += [f"last_{unit}", f"next_{unit}", f"last_{rng.randint(2, 40)}_{unit}s"]
    names += [f"next_{rng.randint(2, 40)}_{unit}s", f"next_9999_{unit}s", f"last_9999_{unit}s"]
    if kind is Kind.DATE_TIME:
        names += [{"last": "PT36H"}, {"next": "P1DT30M"}]
    return rng.choice(names)


_PLATFORM_TYPES = {
    Kind.UUID: FieldType.UUID,
    Kind.DATE_TIME: FieldType.DATE_TIME,
    Kind.POSITION: FieldType.POSITION,
    Kind.NUMBER: FieldType.NUMBER,
    Kind.TEXT: FieldType.TEXT,
}


def _one(rng: Random, leaf: Leaf) -> Any:
    """A raw operand for one value of a leaf."""
    if leaf.kind is Kind.ACTOR or (leaf.kind is Kind.RELATION and rng.random() < 0.1):
        return rng.choice(["me", record_id(100)] if leaf.kind is Kind.RELATION else ["me", "bob"])
    if leaf.kind is Kind.TEXT and leaf.name.endswith("country_code"):
        return rng.choice(["de", "FR", "us"])
    if leaf.column == "record_id":
        return record_id(rng.randint(1, 16))
    if leaf.column and leaf.parts:
        return rng.choice(["user", "system", text(rng)])
    field = leaf.field or Field("", "", leaf.name, _PLATFORM_TYPES[leaf.kind])
    if field.type is FieldType.ACTOR:
        return rng.choice(["user", text(rng)])
    if leaf.each:
        return [_item(rng, leaf)]
    value = raw_value(rng, field)
    for part in leaf.parts:
        value = value.get(part) if isinstance(value, dict) else value
    if value is None or value == {}:
        return text(rng) if leaf.kind is Kind.TEXT else rng.choice([1, 5])
    return value


def _item(rng: Random, leaf: Leaf) -> Any:
    assert leaf.field is not None
    if leaf.field.type is FieldType.PHONES:
        return rng.choice(_PHONES)
    if leaf.field.type is FieldType.LINKS:
        return rng.choice(_URLS)
    return rng.choice(_one(rng, leaf) or ["x"])


def a_condition(world: World, obj: CompiledObject) -> dict[str, Any]:
    rng = world.rng
    if obj is world.deals and rng.random() < 0.25:
        inner = a_condition(world, world.workspace.objects["company"])
        return {f"company.{name}": value for name, value in inner.items()}
    name, op = rng.choice(every_pair(obj, world.workspace))
    leaf = resolve_path(world.workspace, obj, name, "f").leaf
    return {name: {op: an_operand(world, leaf, op)}}


def a_filter(world: World, obj: CompiledObject, depth: int = 3) -> dict[str, Any]:
    """A filter that nests; some are refused, so callers skip those."""
    rng = world.rng
    shape = rng.choice(["leaf", "and", "or", "not", "some"]) if depth else "leaf"
    if shape == "leaf":
        return a_condition(world, obj)
    if shape == "not":
        return {"not": a_filter(world, obj, depth - 1)}
    if shape == "some":
        quantifier = rng.choice(["some", "none", "every"])
        reach, far = rng.choice(_REACHES[obj.name])
        return {reach: {quantifier: a_filter(world, world.workspace.objects[far], depth - 1)}}
    children = [a_filter(world, obj, depth - 1) for _ in range(rng.randint(1, 3))]
    return {shape: children}


_REACHES = {
    "deal": [("company", "company"), ("company.parts", "company"), ("company.deals", "deal")],
    "company": [
        ("deals", "deal"),
        ("parts", "company"),
        ("mentions", "deal"),
        ("parent", "company"),
    ],
}
SORTABLE = [
    *("title", "score", "rate", "hot", "due", "seen", "stage", "stars", "amount", "contact"),
    *("emails", "phones", "links", "place", "token", "company", "owner", "rank", "id", "motto"),
    *("create_time", "delete_time", "created_by", "updated_by.name", "position", "version"),
    *("amount.amount_micros", "contact.last_name", "place.lat", "subject", "owner.id"),
]


def a_sort(rng: Random) -> str:
    def term(name: str) -> str:
        return rng.choice(["", "-"]) + name + rng.choice(["", ":nulls_first", ":nulls_last"])

    return ",".join(map(term, rng.sample(SORTABLE, rng.randint(1, 5))))
