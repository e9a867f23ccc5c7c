"""The waterfall: order, depth, time axis, and traces linked with one another."""

import pytest

from cli.spans import Span
from cli.waterfall import duration, linked_traces, render

MS = 1_000_000


def a_span(
    span_id: str,
    parent: str | None,
    start: int,
    end: int,
    *,
    trace_id: str = "t1",
    status: str = "UNSET",
    linked: str | None = None,
) -> Span:
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": parent,
        "name": f"span-{span_id}",
        "kind": "INTERNAL",
        "service": "records",
        "start_unix_nano": start * MS,
        "end_unix_nano": end * MS,
        "status": status,
        "status_message": "gone" if status == "ERROR" else "",
        "attributes": {},
        "links": [{"trace_id": linked, "span_id": "aaaa0000", "attributes": {}}] if linked else [],
    }


def labels(spans: list[Span]) -> list[str]:
    return [line.label.rstrip() for line in render(spans)]


def test_children_stand_below_their_parent_in_order_of_start() -> None:
    spans = [a_span("c", "a", 6, 9), a_span("a", None, 0, 10), a_span("b", "a", 1, 4)]
    spans.append(a_span("d", "b", 2, 3))

    assert labels(spans) == ["span-a", "├ span-b", "│ └ span-d", "└ span-c"]


def test_bars_share_one_axis() -> None:
    spans = [a_span("a", None, 0, 100), a_span("b", "a", 50, 100), a_span("c", "a", 100, 100)]

    whole, half, instant = (line.bar for line in render(spans))

    assert set(whole) == {"█"}
    assert half.count("█") == (len(whole) + 1) // 2
    assert half.endswith("█")
    assert instant.endswith("█")
    assert instant.count("█") == 1


def test_lines_say_when_how_long_and_what_went_wrong() -> None:
    failed = render([a_span("a", None, 0, 100), a_span("b", "a", 25, 100, status="ERROR")])[1]

    assert failed.failed
    assert failed.offset.strip() == "+25.0ms"
    assert failed.duration.strip() == "75.0ms"
    assert failed.note == "ERROR gone"
    assert str(failed).startswith("└ span-b")


def test_a_span_without_its_parent_is_a_root_and_none_is_lost() -> None:
    circle = [a_span("x", "y", 5, 6), a_span("y", "x", 5, 6), a_span("z", "z", 1, 2)]

    assert labels([a_span("a", "missing", 0, 9)]) == ["span-a"]
    assert sorted(labels(circle)) == ["? span-x", "? span-y", "span-z"]


def test_linked_traces_follow_and_are_named() -> None:
    spans = [
        a_span("late", None, 80, 90, trace_id="t2", linked="t1"),
        a_span("a", None, 0, 10, linked="t3"),
    ]

    assert labels(spans) == ["span-a", "span-late"]
    assert [line.note for line in render(spans)] == ["→ t3/aaaa", "→ t1/aaaa"]
    assert linked_traces(spans) == ["t3"]


def test_long_names_give_way_to_the_bars() -> None:
    span = a_span("a", None, 0, 10)
    span["name"] = "x" * 300

    assert len(str(render([span], width=100)[0])) <= 100


def test_nothing_gives_nothing() -> None:
    assert render([]) == []


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [(0, "0µs"), (850_000, "850µs"), (12_340_000, "12.3ms"), (4_560_000_000, "4.56s")],
)
def test_durations_have_a_unit_that_fits(nanoseconds: int, shown: str) -> None:
    assert duration(nanoseconds) == shown
