"""Eight clients write while the records plane dies in the middle of building and of folding what it
keeps of views and groups; at the end all of it is what a recount says."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

import pytest

from tests.chaos.settling import settle
from tests.e2e.client import Client, wait_for

LEADS = "/v1/objects/lead/records"
SEEDED, WRITERS, ROUNDS, BATCH = 2400, 8, 10, 40
STAGES = ("new", "open", "won")
VIEWS: tuple[dict[str, Any], ...] = (
    {"name": "Best", "type": "table", "sort": "-score,title", "filter": {"score": {"gte": 0}}},
    {
        "name": "Funnel",
        "type": "kanban",
        "group_field": "stage",
        "sort": "-score",
        "filter": {"title": {"ne": "d"}},
        "aggregates": [{"fn": "count"}, {"fn": "sum", "field": "score", "as": "total"}],
    },
)
# Where the plane dies; each wave is armed when all of the one before it have struck.
WAVES = [
    ("records.statistic_build", "records.view_build"),
    ("records.before_commit",),
    ("records.compaction", "records.view_compaction"),
    ("records.before_commit",),
]


def a_lead(rng: Random) -> dict[str, Any]:
    return {
        "title": rng.choice("abcdÄ"),
        "score": rng.choice([None, *range(-5, 50)]),
        "stage": rng.choice([None, *STAGES]),
    }


class _Strikes:
    """Arms the next crash points whenever the last ones have struck."""

    def __init__(self, crash_dir: Path) -> None:
        self._crash_dir = crash_dir
        self._lock = Lock()
        self.left = list(WAVES)

    def next(self) -> None:
        with self._lock:
            if self.left and not any(self._crash_dir.iterdir()):
                for point in self.left.pop(0):
                    (self._crash_dir / point).touch()

    def over(self) -> bool:
        return not self.left and not any(self._crash_dir.iterdir())


def _busy(api: Client, seed: int, strikes: _Strikes) -> None:
    """Batches of creations, changes and deletions, and questions that want it all kept."""
    rng, known = Random(seed), list[str]()
    for n in range(200):
        if n >= ROUNDS and strikes.over():
            return
        strikes.next()
        act = rng.random()
        if len(known) < BATCH or act < 0.3:
            items: Any = [{"fields": a_lead(rng)} for _ in range(BATCH)]
            made = settle(api, "POST", f"{LEADS}:batchCreate", {"items": items})
            known += [one["record"]["id"] for one in made["results"]]
        elif act < 0.85:
            some = rng.sample(known, BATCH)
            items = [{"id": one, "fields": a_lead(rng)} for one in some]
            settle(api, "POST", f"{LEADS}:batchUpdate", {"items": items})
        else:
            gone = [known.pop(rng.randrange(len(known))) for _ in range(BATCH // 2)]
            settle(api, "POST", f"{LEADS}:batchDelete", {"ids": gone})
        view = rng.choice(("Best", "Funnel"))
        settle(api, "GET", f"{LEADS}?view={view}&page_size=1", None)
        settle(api, "POST", f"{LEADS}:board", {"view": "Funnel", "page_size": 1})
    raise AssertionError(f"not all points were passed; not even armed: {strikes.left}")


def _figures(api: Client) -> dict[Any, tuple[int, int]]:
    board = api.post(f"{LEADS}:board", {"view": "Funnel", "page_size": 1})
    return {c["key"]: (c["count"], c["values"]["total"]) for c in board["columns"]}


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_what_is_kept_of_views_is_a_recount_whoever_wrote_and_whatever_was_killed(
    new_workspace: Callable[[], Client], crash_dir: Path
) -> None:
    api = new_workspace()
    api.define(
        "lead",
        {"name": "title", "type": "text"},
        {"name": "score", "type": "number"},
        {"name": "stage", "type": "select", "options": list(STAGES)},
    )
    for view in VIEWS:
        api.post("/v1/objects/lead/views", view | {"materialized": "on"})
    rng = Random(1)
    for _ in range(0, SEEDED, 600):
        items = [{"fields": a_lead(rng)} for _ in range(600)]
        api.post(f"{LEADS}:batchCreate", {"items": items})

    strikes = _Strikes(crash_dir)
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda seed: _busy(api, seed, strikes), range(WRITERS)))

    for view in VIEWS:
        asked = {"view": view["name"], "page_size": 1000}

        def kept(asked: dict[str, Any] = asked) -> bool:
            found = settle(api, "POST", f"{LEADS}:query", asked | {"explain": True})
            return bool(found["plan"]["segments"][0]["strategy"] == "view entries")

        wait_for(f"the entries of {view['name']}", kept, 60)
        by_hand = {"filter": view["filter"], "sort": view["sort"], "page_size": 1000}
        expected = [one["id"] for one in api.pages("lead", **by_hand)]
        assert [one["id"] for one in api.pages("lead", **asked)] == expected
        assert api.query("lead", **asked, count="exact")["count"] == len(expected)
        half = len(expected) // 2
        far = api.query("lead", view=view["name"], skip=half, page_size=5)
        assert [one["id"] for one in far["data"]] == expected[half : half + 5]

    recount: defaultdict[Any, list[Any]] = defaultdict(list)
    for one in api.pages("lead", filter=VIEWS[1]["filter"], page_size=1000):
        recount[one["fields"]["stage"]].append(one["fields"]["score"] or 0)
    assert _figures(api) == {key: (len(v), sum(v)) for key, v in recount.items()}
