"""Promise 7: views of 100,000 records stay within budget."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.e2e.client import Client, wait_for

RECORDS = 100_000
STAGES = ["new", "qualified", "proposal", "won", "lost"]


@pytest.fixture(scope="module")
def big(new_workspace: Callable[[], Client]) -> Iterator[Client]:
    """A workspace whose deals are 100,000."""
    api = new_workspace()
    api.define(
        "deal",
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": STAGES},
        {"name": "amount", "type": "number"},
        {"name": "close_date", "type": "date"},
    )
    api.post("/v1/objects/deal/views", {"name": "Board", "type": "kanban", "sort": "-amount"})
    rng = random.Random(5)
    lines = b"".join(
        orjson.dumps(
            {
                "name": f"deal {n} {rng.choice(['red', 'green', 'blue'])}",
                "stage": rng.choice(STAGES),
                "amount": rng.randrange(1_000_000),
                "close_date": f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
            }
        )
        + b"\n"
        for n in range(RECORDS)
    )
    begun = api.http.post(
        "/v1/objects/deal/records:import",
        content=lines,
        headers={"content-type": "application/x-ndjson"},
    ).json()

    def ended() -> dict[str, Any] | None:
        found = api.get(f"/v1/imports/{begun['id']}")
        return None if found["state"] in {"receiving", "running"} else found

    done = wait_for("the end of the import", ended, 200)
    assert (done["state"], int(done["created"])) == ("succeeded", RECORDS)
    return api  # type: ignore[return-value]


def _best_ms(work: Callable[[], Any], times: int = 5) -> float:
    """The quickest of a few calls: a budget is no benchmark, and others use this machine."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return min(took)


def test_a_filtered_and_sorted_page_a_board_and_a_calendar(big: Client) -> None:
    query = {"filter": {"stage": "won"}, "sort": "-amount"}
    page = big.query("deal", **query)
    amounts = [r["fields"]["amount"] for r in page["data"]]
    assert len(amounts) == 50
    assert amounts == sorted(amounts, reverse=True)
    assert _best_ms(lambda: big.query("deal", **query)) < 100

    board = big.post("/v1/objects/deal/records:board", {"view": "Board"})
    assert sum(c["count"] for c in board["columns"]) == RECORDS
    assert _best_ms(lambda: big.post("/v1/objects/deal/records:board", {"view": "Board"})) < 250

    month = {"date_field": "close_date", "from": "2026-02-01", "to": "2026-02-08"}
    assert _best_ms(lambda: big.post("/v1/objects/deal/records:calendar", month)) < 1000


def test_the_union_of_the_pages_is_the_filtered_set(big: Client) -> None:
    selected = {"stage": "lost", "amount": {"lt": 20_000}}
    seen = [r["id"] for r in big.pages("deal", filter=selected, sort="close_date", page_size=200)]
    count = big.query("deal", filter=selected, count="exact", page_size=1)["count"]
    assert len(seen) == len(set(seen)) == count
    assert count > 200
