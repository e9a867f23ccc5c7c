"""Calendars: what touches a range, in the reader's time zone."""

from typing import Any

import pytest
from armature.records.v1 import record_service_pb2 as pb

from tests.integration.records.client import Client, as_json, fields_of
from tests.services import reason


async def shown(client: Client, start: str, end: str, zone: str = "", **more: Any) -> list[str]:
    """The names that a calendar shows, all pages, in its order."""
    found: list[str] = []
    token = ""
    request = {"date_field": "closes", "selection": pb.Selection(time_zone=zone)} | more
    while True:
        answer = await client(
            "QueryCalendar",
            object="deal",
            page_token=token,
            **{"from": start, "to": end},
            **request,
        )
        found += [fields_of(r)["name"] for r in answer.records]
        token = answer.next_page_token
        if not token:
            return found


async def test_a_calendar_shows_the_dates_of_its_range_in_their_order(acme: Client) -> None:
    days = ("2026-03-02", "2026-02-28", "2026-03-31", "2026-04-01", "2026-03-01", None)
    await acme.create_all([{"name": d or "none", "closes": d} for d in days])

    march = await shown(acme, "2026-03-01", "2026-04-01")
    assert march == ["2026-03-01", "2026-03-02", "2026-03-31"]
    assert await shown(acme, "2026-03-01", "2026-04-01", page_size=1) == march
    everything: dict[str, Any] = {
        "page_size": 2,
        "selection": pb.Selection(filter_text='name != "2026-03-02"'),
    }
    assert await shown(acme, "2026-02-01", "2026-05-01", **everything) == [
        "2026-02-28",
        "2026-03-01",
        "2026-03-31",
        "2026-04-01",
    ]


async def test_what_lasts_is_shown_wherever_it_touches_the_range(acme: Client) -> None:
    spans = {
        "before": ("2026-03-01", "2026-03-09"),
        "into": ("2026-03-08", "2026-03-10"),
        "around": ("2026-01-01", "2026-12-31"),
        "within": ("2026-03-11", "2026-03-12"),
        "out of": ("2026-03-14", "2026-04-01"),
        "after": ("2026-03-15", "2026-03-16"),
        "open": ("2026-03-10", None),
        "past open": ("2026-03-09", None),
        "turned round": ("2026-03-12", "2026-03-01"),
        "no start": (None, "2026-03-12"),
    }
    await acme.create_all(
        [{"name": n, "closes": start, "until": end} for n, (start, end) in spans.items()]
    )
    expected = ["around", "into", "open", "within", "turned round", "out of"]
    view = {"date_field": "", "view": "Agenda"}
    assert await shown(acme, "2026-03-10", "2026-03-15", **view) == expected
    assert await shown(acme, "2026-03-10", "2026-03-15", end_date_field="until") == expected
    assert await shown(acme, "2026-03-10", "2026-03-15", page_size=2, **view) == expected
    assert await shown(acme, "2026-03-10", "2026-03-15") == [
        "open",
        "within",
        "turned round",
        "out of",
    ]


async def test_days_begin_in_the_readers_time_zone(acme: Client) -> None:
    moments = {
        "still the 28th in Berlin": "2026-03-28T22:59:59.999999Z",
        "midnight in Berlin": "2026-03-28T23:00:00Z",
        "midnight in UTC": "2026-03-29T00:00:00Z",
        "the last of a short day": "2026-03-29T21:59:59Z",
        "the 30th": "2026-03-29T22:00:00Z",
    }
    await acme.create_all([{"name": n, "starts": m} for n, m in moments.items()])
    names = list(moments)
    starts = {"date_field": "starts"}

    assert await shown(acme, "2026-03-29", "2026-03-30", **starts) == names[1:4]
    assert (
        await shown(
            acme,
            "2026-03-29",
            "2026-03-30",
            "UTC",
            selection=pb.Selection(time_zone="UTC"),
            date_field="starts",
        )
        == names[2:]
    )
    exact = await shown(acme, "2026-03-29T01:00:00+02:00", "2026-03-29T00:00:00Z", **starts)
    assert exact == ["midnight in Berlin"]


async def test_the_day_that_the_clocks_go_back_has_twenty_five_hours(acme: Client) -> None:
    hours = [f"2026-10-{d}T{h:02}:30:00Z" for d, h in ((24, 21), (24, 22), (25, 22), (25, 23))]
    await acme.create_all([{"name": h, "starts": h} for h in hours])
    found = await shown(acme, "2026-10-25", "2026-10-26", date_field="starts")
    assert found == hours[1:3]


async def test_dates_are_shown_for_the_days_that_moments_lie_in(acme: Client) -> None:
    await acme.create_all([{"name": d, "closes": f"2026-03-{d}"} for d in ("09", "10", "11", "12")])
    cases = {
        ("2026-03-10T09:00:00+01:00", "2026-03-10T17:00:00+01:00"): ["10"],
        ("2026-03-10T09:00:00+01:00", "2026-03-11T17:00:00+01:00"): ["10", "11"],
        ("2026-03-10T00:00:00+01:00", "2026-03-11T00:00:00+01:00"): ["10"],
        ("2026-03-10", "2026-03-11T00:00:01+01:00"): ["10", "11"],
        ("2026-03-09T23:30:00Z", "2026-03-10T22:59:00Z"): ["10"],
    }
    for (start, end), expected in cases.items():
        assert await shown(acme, start, end) == expected, (start, end)


async def test_a_calendar_spans_up_to_four_hundred_days_whatever_the_clocks(acme: Client) -> None:
    await acme.create(name="x", closes="2026-10-10", starts="2026-10-10T00:00:00Z")
    for field in ("closes", "starts"):
        assert await shown(acme, "2026-10-01", "2027-11-05", date_field=field) == ["x"]
        longer = acme(
            "QueryCalendar",
            object="deal",
            date_field=field,
            **{"from": "2026-10-01", "to": "2027-11-06"},
        )
        assert await reason(longer) == "INVALID_ARGUMENT/RANGE_INVALID"


RANGE = "INVALID_ARGUMENT/RANGE_INVALID"
FIELD = "INVALID_ARGUMENT/DATE_FIELD_INVALID"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"from": "2026-03-01", "to": "2026-03-01"}, RANGE),
    ({"from": "2026-03-02", "to": "2026-03-01"}, RANGE),
    ({"from": "", "to": "2026-03-01"}, RANGE),
    ({"from": "2026-03-01", "to": ""}, RANGE),
    ({"from": "2026-02-30", "to": "2026-03-01"}, RANGE),
    ({"from": "2026-W09-1", "to": "2026-03-10"}, RANGE),
    ({"from": "2026-03-01T00:00:00", "to": "2026-03-02"}, RANGE),
    ({"from": "0001-01-01T00:00:00+14:00", "to": "0001-01-02"}, RANGE),
    ({"from": "9999-12-30", "to": "9999-12-31T23:59:59-14:00"}, RANGE),
    ({"date_field": "name"}, FIELD),
    ({"date_field": "nope"}, FIELD),
    ({"date_field": ""}, FIELD),
    ({"end_date_field": "starts"}, FIELD),
    ({"end_date_field": "nope"}, FIELD),
    ({"date_field": "", "view": "Pipeline"}, "INVALID_ARGUMENT/VIEW_TYPE_INVALID"),
    ({"page_size": -1}, "INVALID_ARGUMENT/PAGE_SIZE_INVALID"),
    ({"page_token": "x"}, "INVALID_ARGUMENT/PAGE_TOKEN_INVALID"),
    ({"selection": pb.Selection(time_zone="Mars/Base")}, "INVALID_ARGUMENT/FILTER_INVALID"),
    (
        {"selection": pb.Selection(filter_json=as_json({"nope": 1}))},
        "INVALID_ARGUMENT/FILTER_INVALID",
    ),
]


@pytest.mark.parametrize(("request_of", "expected"), REFUSED)
async def test_calendars_that_make_no_sense_are_refused(
    acme: Client, request_of: dict[str, Any], expected: str
) -> None:
    request = {"date_field": "closes", "from": "2026-03-01", "to": "2026-04-01"} | request_of
    assert await reason(acme("QueryCalendar", object="deal", **request)) == expected


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
async def test_the_first_and_the_last_days_there_are(acme: Client, zone: str) -> None:
    await acme.create(name="first", closes="0001-01-01", starts="0001-01-01T00:00:00Z")
    await acme.create(name="last", closes="9999-12-31", starts="9999-12-31T00:00:00Z")
    assert await shown(acme, "0001-01-01", "0001-01-03", zone) == ["first"]
    assert await shown(acme, "9999-12-01", "9999-12-31T23:59:00Z", zone) == ["last"]
