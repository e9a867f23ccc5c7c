"""Deltas add up to what a recount gives, to the last digit."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from schema.model import ViewType
from services.records.logic import stats
from tests.integration.records.world import DEAL, definitions, field_id

WORLD = definitions(uuid4())
DEALS = WORLD.objects["deal"]


def test_a_kanban_view_makes_its_grouping_field_worth_keeping() -> None:
    found = {s.group_field.name: s for s in stats.statistics(WORLD, DEALS) if s.group_field}
    assert set(found) == {"stage", "active"}
    assert {f.name for f in found["stage"].sums} == {"amount", "n", "rate", "exact"}
    assert found["stage"].object_id == UUID(DEAL)
    grouped = {v.group_field_id for v in WORLD.views.values() if v.type is ViewType.KANBAN}
    assert grouped == {field_id("stage"), field_id("active")}


def test_what_is_kept_is_found_again_by_its_definition() -> None:
    statistics = stats.statistics(WORLD, DEALS)
    kept = [(s.id, s.definition) for s in statistics]
    assert stats.known(DEALS, kept) == statistics
    assert stats.known(DEALS, [(uuid4(), f"{field_id('stage')},{uuid4()}")]) is None


def test_a_move_takes_from_one_group_what_it_gives_another() -> None:
    known = {s.group_field.name: s for s in stats.statistics(WORLD, DEALS) if s.group_field}
    statistic = known["stage"]
    nines = "9" * 38
    euros = {"amount_micros": 5, "currency_code": "EUR"}
    before = {"stage": "new", "exact": nines, "n": 0.1, "amount": euros}
    after = {"stage": "won", "exact": nines, "n": 0.1, "amount": euros}
    found = {
        (d.group_key, d.measure): (d.records, d.total) for d in moved(statistic, before, after)
    }
    exact, n, amount = field_id("exact"), field_id("n"), field_id("amount")
    assert found == {
        ("new", "count"): (-1, 0),
        ("won", "count"): (1, 0),
        ("new", exact): (-1, Decimal(f"-{nines}")),
        ("won", exact): (1, Decimal(nines)),
        ("new", n): (-1, Decimal("-0.1")),
        ("won", n): (1, Decimal("0.1")),
        ("new", f"{amount}:EUR"): (-1, -5),
        ("won", f"{amount}:EUR"): (1, 5),
    }
    assert moved(statistic, before, before) == []


def moved(
    statistic: stats.Statistic, before: dict[str, Any], after: dict[str, Any]
) -> list[stats.Delta]:
    return stats.deltas([statistic], [(before, after)])
