"""The segments of a sort are in its order, and every place in the order lies in one of them."""

from random import Random
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from schema.compiled import CompiledObject, Workspace
from schema.filters.closure import compile_closure
from schema.filters.context import EvalContext
from schema.model import Snapshot
from schema.problems import Invalid
from schema.sorts import parse_sort, record_key, sort_values
from services.records.logic import planner
from tests.unit.filters.cases import WORLD
from tests.unit.filters.generate import NOW, World, a_random_world, a_sort

CONTEXT = EvalContext(NOW)


def a_world(seed: int) -> World:
    """Random deals; fields with UUIDs for ids, as the platform's are."""
    world = a_random_world(seed, deals=30)
    objects = []
    for found in world.workspace.objects.values():
        fields = tuple(msgspec.structs.replace(f, id=str(uuid4())) for f in found.definition.fields)
        objects.append(msgspec.structs.replace(found.definition, fields=fields))
    world.workspace = Workspace(Snapshot(WORLD.id, 1, objects=tuple(objects)))
    return world


def deals_of(world: World) -> list[dict[str, Any]]:
    return [r for r in world.records if r["object_id"] == world.deals.id]


def home(segments: list[planner.Segment], record: dict[str, Any]) -> list[planner.Segment]:
    """The segments that a record is in."""
    found = []
    for segment in segments:
        tree = planner.narrowed(None, segment)
        if compile_closure(tree, CONTEXT)(record):
            found.append(segment)
    return found


@pytest.mark.parametrize("seed", range(30))
def test_each_record_is_in_one_segment_and_its_token_knows_which(seed: int) -> None:
    world = a_world(seed)
    rng = Random(seed)
    for _ in range(6):
        keys = parse_sort(world.workspace, world.deals, a_sort(rng))
        segments = list(planner.segments(keys))
        ranks = [s.rank for s in segments]
        assert ranks == sorted(set(ranks))
        ordered = sorted(deals_of(world), key=record_key(keys))
        places = []
        for record in ordered:
            [segment] = home(segments, record)
            assert planner.rank_of(keys, as_tokens(keys, record)) == segment.rank
            places.append(segment.rank)
        assert places == sorted(places)


def as_tokens(keys: Any, record: dict[str, Any]) -> list[Any]:
    """A place in the order as Postgres gives it: every value a text."""
    values = sort_values(keys, record)
    return [
        str(v).lower() if isinstance(v, bool) else None if v is None else str(v) for v in values
    ]


def test_only_an_index_that_says_it_all_is_driven_by() -> None:
    deals: CompiledObject = WORLD.objects["deal"]
    for sort in ("tags", "words", "meta"):
        with pytest.raises(Invalid, match="order"):
            parse_sort(WORLD, deals, sort)
    for sort in ("emails", "contact", "amount", "place"):  # composites: by several parts
        [segment] = planner.segments(parse_sort(WORLD, deals, sort))
        assert segment.drive is None


def test_a_short_table_is_walked_where_many_of_it_match() -> None:
    assert planner.walks(matches=1_200, entries=7_000, limit=51)
    assert not planner.walks(matches=300, entries=7_000, limit=51)
    assert not planner.walks(matches=planner.FEW, entries=planner.FEW, limit=1)
    assert not planner.walks(matches=1_999, entries=planner.SIZED, limit=1)
