"""Kill the records process again and again while a list is followed: no gap, and nothing twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest

from tests.chaos.burst import kill
from tests.chaos.settling import settle
from tests.e2e.client import Client, wait_for
from tests.e2e.sse import Watcher

WRITES = 300
KILLS = (90, 200)
LISTS: tuple[dict[str, Any], ...] = (
    {"sort": "-score", "page_size": 10},
    {"filter": "score >= 0", "sort": "title,-score", "page_size": 500},
    {"filter": 'title in ("a", "c") or score < -5', "page_size": 5},
)


@pytest.mark.chaos
@pytest.mark.timeout(180)
def test_a_followed_list_is_a_query_whatever_is_killed(
    new_workspace: Callable[[], Client], stack: dict[str, Any]
) -> None:
    api = new_workspace()
    api.define("lead", {"name": "title", "type": "text"}, {"name": "score", "type": "number"})
    watchers = [Watcher(api, "/v1/objects/lead/records:watch", **one) for one in LISTS]
    done = 0

    def write(seed: int) -> None:
        nonlocal done
        rng, known = Random(seed), list[str]()
        for _ in range(WRITES // 4):
            fields = {"title": rng.choice("abcd"), "score": rng.randint(-9, 9)}
            path, act = "/v1/objects/lead/records", rng.random()
            if not known or act < 0.5:
                known.append(settle(api, "POST", path, {"fields": fields})["id"])
            elif act < 0.8:
                settle(api, "PATCH", f"{path}/{rng.choice(known)}", {"fields": fields})
            else:
                settle(api, "DELETE", f"{path}/{known.pop(rng.randrange(len(known)))}", None)
            done += 1
            if done in KILLS:
                kill(stack, "records")

    for watcher in watchers:
        watcher.__enter__()
    try:
        for watcher in watchers:
            watcher.wait("snapshot")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        for watcher, asked in zip(watchers, LISTS, strict=True):
            path = "/v1/objects/lead/records"
            page = settle(api, "GET", f"{path}?{httpx.QueryParams(asked)}", None)["data"]
            wait_for("the same list", partial(_shows, watcher, page))
            assert watcher.problem is None
            assert "resumed" in watcher.kinds
            assert watcher.kinds.count("snapshot") == 1
    finally:
        for watcher in watchers:
            watcher.__exit__()


def _shows(watcher: Watcher, page: list[Any]) -> bool:
    return watcher.records == page or watcher.problem is not None
