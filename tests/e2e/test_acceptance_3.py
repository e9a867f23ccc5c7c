"""Promise 3: a date field powers a calendar."""

from tests.e2e.client import Client


def test_a_date_powers_a_calendar(api: Client) -> None:
    api.define("visit", {"name": "what", "type": "text"}, {"name": "day", "type": "date"})
    view = api.post("/v1/objects/visit/views", {"name": "Visits", "type": "calendar"})
    assert view["date_field"] == "day"
    for day in ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", None):
        api.create("visit", what=f"v {day}", day=day)
    found = api.post(
        "/v1/objects/visit/records:calendar",
        {"view": "Visits", "from": "2026-02-01", "to": "2026-03-01"},
    )
    assert [r["fields"]["day"] for r in found["data"]] == ["2026-02-01", "2026-02-28"]


def test_two_dates_make_ranges_that_overlap_the_asked_one(api: Client) -> None:
    api.define("trip", {"name": "start", "type": "date"}, {"name": "finish", "type": "date"})
    api.post(
        "/v1/objects/trip/views",
        {"name": "Trips", "type": "calendar", "date_field": "start", "end_date_field": "finish"},
    )
    for start, finish in (
        ("2026-01-01", "2026-01-10"),
        ("2026-01-20", "2026-02-03"),
        ("2026-02-10", None),
        ("2026-02-27", "2026-03-05"),
        ("2026-03-01", "2026-03-05"),
    ):
        api.create("trip", start=start, finish=finish)
    found = api.post(
        "/v1/objects/trip/records:calendar",
        {"view": "Trips", "from": "2026-02-01", "to": "2026-03-01"},
    )
    starts = [r["fields"]["start"] for r in found["data"]]
    assert starts == ["2026-01-20", "2026-02-10", "2026-02-27"]


def test_days_begin_in_the_readers_time_zone(api: Client) -> None:
    api.define("call", {"name": "at", "type": "date_time"})
    for at in ("2026-03-28T23:30:00Z", "2026-03-29T21:30:00Z", "2026-03-29T22:30:00Z"):
        api.create("call", at=at)
    body = {"date_field": "at", "from": "2026-03-29", "to": "2026-03-30"}
    found = api.post("/v1/objects/call/records:calendar", body | {"time_zone": "Europe/Berlin"})
    shown = [r["fields"]["at"] for r in found["data"]]
    assert shown == ["2026-03-28T23:30:00Z", "2026-03-29T21:30:00Z"]
