"""Records that come spelled as JSON are those that come as messages."""

import json
from typing import Any

import orjson
import pytest

from gateway import json_out
from tests.integration.records.client import Client

DEALS: list[dict[str, Any]] = [
    {"name": 'Zoë "the" \\ deal\u2028', "n": 1, "stage": "won", "closes": "2026-02-28"},
    {"name": "plain", "active": True},
    {"name": "bare"},
]


def _sent(page: Any) -> Any:
    return json.loads(orjson.dumps(json_out.records(page)))


@pytest.mark.parametrize(
    "more", [{}, {"fields": "name,company.name"}, {"sort": "-n", "page_size": 2}]
)
async def test_a_page_reads_alike_both_ways(acme: Client, more: dict[str, Any]) -> None:
    company = (await acme.create_all([{"name": "c"}], "company"))[0].record.id
    await acme.create_all([*DEALS, {"name": "related", "company": company}])
    as_messages = await acme.query(**more)
    as_text = await acme.query(spelled=True, **more)
    assert not as_text.records
    assert _sent(as_text) == _sent(as_messages)
    assert len(_sent(as_text)) == len(as_messages.records) > 1
    assert bool(as_text.next_page_token) == bool(as_messages.next_page_token)


async def test_deleted_records_and_pages_of_a_board_read_alike(acme: Client) -> None:
    made = await acme.create_all(DEALS)
    await acme("DeleteRecord", object="deal", id=made[1].record.id)
    both = [await acme.query(show_deleted=True, spelled=s) for s in (False, True)]
    assert _sent(both[0]) == _sent(both[1])
    assert any("delete_time" in one for one in _sent(both[1]))
    boards = [await acme.board(spelled=s) for s in (False, True)]
    for key, column in boards[0].items():
        assert _sent(boards[1][key]) == _sent(column)


async def test_pages_go_on_where_the_last_one_ended(acme: Client) -> None:
    await acme.create_all([{"name": f"d{n}", "n": n % 3} for n in range(7)])
    seen, token = [], ""
    while True:
        page = await acme.query(sort="-n", page_size=2, page_token=token, spelled=True)
        seen += [one["id"] for one in _sent(page)]
        token = page.next_page_token
        if not token:
            break
    assert seen == [r.id for r in await acme.every_page(sort="-n", page_size=2)]
    assert len(set(seen)) == 7


async def test_an_empty_page_is_an_empty_list(acme: Client) -> None:
    assert _sent(await acme.query(where={"name": "nobody"}, spelled=True)) == []
