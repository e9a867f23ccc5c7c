"""From a record's commit to the first effect of a rule, and runs a second, through every plane."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.bench import figures
from tests.bench.client import Connection, quiet
from tests.e2e.client import Client
from tests.services import until

RULES = 10  # share the load, as more than 500 triggers of one within a minute pause it
RATE, SECONDS = 100, 20
P50_BAR_MS, P99_BAR_MS = 60, 250
BURST, TOGETHER = 3000, 100
RUNS_BAR = 300
TODO = {"type": "create_todo", "name": "call", "input": {"title": "Call {{ trigger.after.name }}"}}
NOTE = {
    "type": "create_note",
    "input": {"title": "{{ steps.call.todo.id }}", "body": "as {{ trigger.after.name }} wants it"},
}


@asynccontextmanager
async def connected(
    stack: dict[str, Any], key: str, count: int
) -> AsyncIterator["asyncio.Queue[Connection]"]:
    """Connections to the gateway, in a queue of those that are free."""
    url = urlsplit(stack["gateway_url"])
    free: asyncio.Queue[Connection] = asyncio.Queue()
    every = [await Connection(url.hostname or "", url.port or 80, key).open() for _ in range(count)]
    for one in every:
        free.put_nowait(one)
    try:
        yield free
    finally:
        for one in every:
            one.close()


def prepare(api: Client, *actions: dict[str, Any]) -> None:
    """An object, and rules of which each takes a share of its records."""
    api.define("deal", {"name": "name", "type": "text"}, {"name": "lane", "type": "number"})
    for lane in range(RULES):
        rule = {
            "name": f"lane {lane}",
            "trigger": {"type": "record_created", "object": "deal"},
            "condition": {"lane": lane},
            "actions": list(actions),
        }
        api.post("/v1/rules", rule)


def a_deal(n: int) -> dict[str, Any]:
    return {"fields": {"name": f"deal {n}", "lane": n % RULES}}


def pages(api: Client, path: str) -> Iterator[Any]:
    token = ""
    while True:
        page = api.get(f"{path}&page_size=1000&page_token={token}")
        yield from page["data"]
        if not (token := page.get("next_page_token") or ""):
            return


async def all_of(api: Client, path: str, count: int) -> list[Any]:
    """As many as are to come; looked for rarely, not to take from what makes them."""

    found: list[Any] = []

    async def complete() -> bool:
        found[:] = await asyncio.to_thread(lambda: list(pages(api, path)))
        return len(found) >= count

    await until(complete, 180, 2.0)
    assert len(found) == count
    return found


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.bench
@pytest.mark.timeout(240)
async def test_commit_to_first_action_at_a_hundred_runs_a_second(
    new_workspace: Callable[[], Client], stack: dict[str, Any]
) -> None:
    """By the database's clock: from the record's transaction to that of the rule's first effect."""
    api = new_workspace()
    prepare(api, TODO)
    loop = asyncio.get_running_loop()
    for n in range(RULES):
        api.post("/v1/objects/deal/records", a_deal(n))
    await quiet(patience=60)
    async with connected(stack, api.api_key, 24) as free:

        async def create(n: int) -> None:
            connection = await free.get()
            body = json.dumps(a_deal(n)).encode()
            path = "/v1/objects/deal/records"
            await connection.send("POST", path, body, key=str(uuid4()))
            free.put_nowait(connection)

        began = loop.time()
        async with asyncio.TaskGroup() as creating:
            for n in range(RATE * SECONDS):
                await asyncio.sleep(max(0.0, began + n / RATE - loop.time()))
                creating.create_task(create(n))
        print(
            f"\n{RATE * SECONDS} records at {RATE * SECONDS / (loop.time() - began):.0f} a second"
        )
    done = await all_of(api, "/v1/events?type=todo.created", RATE * SECONDS + RULES)
    records = list(pages(api, "/v1/events?type=record.created"))
    committed = {event["id"]: moment(event["occur_time"]) for event in records[RULES:]}
    took = [
        (moment(event["occur_time"]) - committed[event["causation_id"]]) * 1000
        for event in done
        if event["causation_id"] in committed
    ]
    assert len(took) == RATE * SECONDS
    figures.at_most("commit to first action, p50", figures.at(took, 0.5), P50_BAR_MS, "ms")
    figures.at_most("commit to first action, p99", figures.at(took, 0.99), P99_BAR_MS, "ms")


@pytest.mark.bench
@pytest.mark.timeout(240)
async def test_two_step_runs_a_second_through_every_plane(
    new_workspace: Callable[[], Client], stack: dict[str, Any]
) -> None:
    """From the first run's beginning to the last one's end, of a burst; the effects are real."""
    api = new_workspace()
    prepare(api, TODO, NOTE)
    await quiet(patience=60)
    async with connected(stack, api.api_key, 4) as free:

        async def create(first: int) -> None:
            connection = await free.get()
            items = [a_deal(n) for n in range(first, first + TOGETHER)]
            path = "/v1/objects/deal/records:batchCreate"
            body = json.dumps({"items": items}).encode()
            await connection.send("POST", path, body, key=str(uuid4()))
            free.put_nowait(connection)

        await asyncio.gather(*(create(n) for n in range(0, BURST, TOGETHER)))

    runs = await all_of(api, "/v1/runs?state=succeeded", BURST)
    began = min(moment(run["start_time"]) for run in runs)
    ended = sorted(moment(run["finish_time"]) for run in runs)
    rate = BURST / (ended[-1] - began)
    figures.at_least("two-step runs, every plane at work", rate, RUNS_BAR, "runs/s")
