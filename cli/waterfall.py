"""Draw the spans of a trace as a waterfall: a tree on the left, bars on a common time axis."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli.spans import Span

_NAME_SHARE = 0.55
_MIN_BAR_COLUMNS = 10
_SHOWN_ATTRIBUTES = ("rpc.grpc.status_code", "http.response.status_code", "error.type")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the drawing, in columns that line up; `failed` may be shown in red."""

    trace_id: str
    label: str
    service: str
    offset: str
    duration: str
    bar: str
    note: str = ""
    failed: bool = False

    def __str__(self) -> str:
        columns = (self.label, self.service, self.offset, self.duration, self.bar, self.note)
        return "  ".join(columns).rstrip()


def render(spans: Sequence[Span], width: int = 120) -> list[Line]:
    """Draw the traces among `spans`, the one that began first on top, all on one time axis.

    A span whose parent is not there is drawn as a root. A note after the bar names what went
    wrong, and the spans that a span links to.
    """
    if not spans:
        return []
    began = min(span["start_unix_nano"] for span in spans)
    ended = max(span["end_unix_nano"] for span in spans)
    rows = list(_rows(spans))
    labels = [label for label, _ in rows]
    service_width = max(len(span["service"]) for span in spans)
    label_width = min(max(map(len, labels)), max(20, int(width * _NAME_SHARE)))
    bar_width = max(_MIN_BAR_COLUMNS, width - label_width - service_width - 30)
    return [
        Line(
            trace_id=span["trace_id"],
            label=_fit(label, label_width),
            service=span["service"].ljust(service_width),
            offset=f"+{duration(span['start_unix_nano'] - began)}".rjust(9),
            duration=duration(span["end_unix_nano"] - span["start_unix_nano"]).rjust(8),
            bar=_bar(span, began, max(1, ended - began), bar_width),
            note=_note(span),
            failed=span["status"] == "ERROR",
        )
        for label, span in rows
    ]


def duration(nanoseconds: int) -> str:
    """A time in three or four digits: 850µs, 12.3ms, 4.56s."""
    microseconds = nanoseconds / 1e3
    if microseconds < 1000:
        return f"{microseconds:.0f}µs"
    if microseconds < 1e6:
        return f"{microseconds / 1e3:.1f}ms"
    return f"{microseconds / 1e6:.2f}s"


def linked_traces(spans: Sequence[Span]) -> list[str]:
    """The ids of other traces that these spans link to, each once, in order."""
    own = {span["trace_id"] for span in spans}
    linked = (link["trace_id"] for span in spans for link in span["links"])
    return list(dict.fromkeys(trace_id for trace_id in linked if trace_id not in own))


def _rows(spans: Sequence[Span]) -> Iterator[tuple[str, Span]]:
    """Every span once, under its parent, with the branches of the tree before its name."""
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span["start_unix_nano"]):
        traces[span["trace_id"]].append(span)
    for members in traces.values():
        ids = {span["span_id"] for span in members}
        children: dict[str | None, list[Span]] = defaultdict(list)
        for span in members:
            parent = span["parent_span_id"]
            children[parent if parent in ids and parent != span["span_id"] else None].append(span)
        seen: set[str] = set()
        yield from _branch(children, None, "", seen)
        # Parents in a circle are reachable from no root; show them all the same.
        for span in members:
            if span["span_id"] not in seen:
                seen.add(span["span_id"])
                yield f"? {span['name']}", span


def _branch(
    children: dict[str | None, list[Span]], parent: str | None, prefix: str, seen: set[str]
) -> Iterator[tuple[str, Span]]:
    siblings = children.get(parent, [])
    for position, span in enumerate(siblings):
        if span["span_id"] in seen:
            continue
        seen.add(span["span_id"])
        last = position == len(siblings) - 1
        branch = "" if parent is None else prefix + ("└ " if last else "├ ")
        below = "" if parent is None else prefix + ("  " if last else "│ ")
        yield branch + span["name"], span
        yield from _branch(children, span["span_id"], below, seen)


def _bar(span: Span, began: int, total: int, width: int) -> str:
    """Where in the whole the span lies; every span gets at least one column."""
    first = min(width - 1, (span["start_unix_nano"] - began) * width // total)
    length = -(-(span["end_unix_nano"] - span["start_unix_nano"]) * width // total)
    length = max(1, min(width - first, length))
    return (" " * first + "█" * length).ljust(width)


def _note(span: Span) -> str:
    notes = [
        f"{name.rpartition('.')[2]}={span['attributes'][name]}"
        for name in _SHOWN_ATTRIBUTES
        if span["attributes"].get(name) not in {None, 0, 200, 201, 204}
    ]
    if span["status"] == "ERROR":
        notes.insert(0, f"ERROR {span['status_message']}".strip())
    notes += [f"→ {link['trace_id'][:8]}/{link['span_id'][:4]}" for link in span["links"][:3]]
    if len(span["links"]) > 3:
        notes.append(f"and {len(span['links']) - 3} more links")
    return " ".join(notes)


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"
