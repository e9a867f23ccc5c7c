"""Fetch traces from the sink of a stack, with what they are linked to, and print them."""

from typing import cast

import httpx
from rich.console import Console
from rich.text import Text

from cli.spans import Span
from cli.stack.errors import StackError
from cli.waterfall import linked_traces, render

# A batch that publishes many changes links to many traces; show the first of them.
MAX_LINKED = 10


def fetch(sink_url: str, trace_id: str) -> list[Span]:
    """The spans of a trace and of those linked with it, either way; StackError if unknown."""
    with httpx.Client(base_url=sink_url, trust_env=False, timeout=10) as client:
        spans = _trace(client, trace_id)
        if not spans:
            raise StackError(
                f"the trace sink holds no trace {trace_id}: it keeps the last 200,000 spans since "
                "the stack started, and gets them a few seconds after they end; of new traces a "
                "service follows ARMATURE_TRACE_RATE a second, and each sampled traceparent it gets"
            )
        answer = client.get("/traces", params={"linked_to": trace_id, "limit": MAX_LINKED})
        later = [summary["trace_id"] for summary in answer.raise_for_status().json()["traces"]]
        linked = list(dict.fromkeys([*linked_traces(spans), *later]))
        for other in linked[:MAX_LINKED]:
            spans += _trace(client, other)
    return spans


def show(spans: list[Span], console: Console) -> None:
    """Print the waterfall, failures in red, each trace under its id, all on one time axis."""
    services = {span["service"] for span in spans}
    console.print(f"{len(spans)} spans, {len(services)} services", highlight=False)
    shown = None
    for line in render(spans, console.width):
        if line.trace_id != shown:
            shown = line.trace_id
            console.print(Text(f"\ntrace {shown}", style="bold"))
        text = Text("  ").join(
            [
                Text(line.label, "red" if line.failed else ""),
                Text(line.service, "cyan"),
                Text(line.offset, "dim"),
                Text(line.duration, "bold"),
                Text(line.bar, "red" if line.failed else "green"),
                Text(line.note, "yellow"),
            ]
        )
        text.rstrip()
        console.print(text, soft_wrap=True)


def _trace(client: httpx.Client, trace_id: str) -> list[Span]:
    answer = client.get(f"/traces/{trace_id}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return []
    return cast(list[Span], answer.raise_for_status().json()["spans"])
