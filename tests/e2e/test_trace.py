"""One change is one trace: every span of the way, with the right parents and links."""

import secrets
from typing import Any

import httpx
import pytest

from cli.demo.receiver import Receiver
from tests.e2e.client import Client, wait_for

Span = dict[str, Any]


# Each process sends its spans in its own time.
_NEEDED = {
    ("PATCH /v1/objects/{object}/records/{id}", "armature-gateway"),
    ("armature.records.v1.RecordService/UpdateRecord", "armature-records"),
    ("records transaction", "armature-records"),
    ("publish record.updated", "armature-records"),
    ("process record.updated", "armature-events"),
    ("process record.updated", "armature-automation"),
    ("process record.updated", "armature-artifacts"),
    ("run won", "armature-automation"),
    ("attempt send_webhook", "armature-automation"),
}


@pytest.fixture
def spans_of_one_change(api: Client, stack: dict[str, Any], hooks: Receiver) -> list[Span]:
    """The trace of an update that a rule answers with a webhook."""
    api.define("deal", {"name": "stage", "type": "select", "options": ["new", "won"]})
    api.post(
        "/v1/rules",
        {
            "name": "won",
            "trigger": {"type": "record_updated", "object": "deal", "fields": ["stage"]},
            "actions": [{"type": "send_webhook", "input": {"url": hooks.url}}],
        },
    )
    deal = api.create("deal", stage="new")
    trace_id = secrets.token_hex(16)
    path = f"/v1/objects/deal/records/{deal['id']}"
    answer = api.request(
        "PATCH",
        path,
        {"fields": {"stage": "won"}},
        traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01",
    )
    assert answer.headers["x-trace-id"] == trace_id
    wait_for("the webhook", lambda: hooks.received)

    def complete() -> list[Span] | None:
        found = httpx.get(f"{stack['trace_sink']['url']}/traces/{trace_id}", trust_env=False)
        if not found.is_success:
            return None
        spans: list[Span] = found.json()["spans"]
        return spans if {(s["name"], s["service"]) for s in spans} >= _NEEDED else None

    return wait_for("the spans", complete)


def test_the_spans_of_one_change(spans_of_one_change: list[Span], hooks: Receiver) -> None:
    spans = spans_of_one_change
    by_id = {s["span_id"]: s for s in spans}

    def one(name: str, service: str = "") -> Span:
        found = [s for s in spans if s["name"] == name and (not service or s["service"] == service)]
        assert found, (
            f"no span {name!r} of {service or 'any service'}: {[s['name'] for s in spans]}"
        )
        return found[0]

    def ancestors(span: Span) -> list[str]:
        names = []
        while span := by_id.get(span["parent_span_id"] or ""):  # type: ignore[assignment]
            names.append(span["name"])
        return names

    http = one("PATCH /v1/objects/{object}/records/{id}")
    assert http["kind"] == "SERVER"
    served = one("armature.records.v1.RecordService/UpdateRecord", "armature-records")
    assert served["kind"] == "SERVER"
    assert ancestors(served)[-1] == http["name"]
    transaction = next(
        s
        for s in spans
        if s["name"] == "records transaction" and s["parent_span_id"] == served["span_id"]
    )
    publish = next(s for s in spans if s["name"].startswith("publish record.updated"))
    assert publish["kind"] == "PRODUCER"
    assert publish["parent_span_id"] == transaction["span_id"]
    assert transaction["span_id"] in {link["span_id"] for link in publish["links"]}
    for service in ("armature-events", "armature-automation", "armature-artifacts"):
        process = one("process record.updated", service)
        assert process["kind"] == "CONSUMER"
        assert process["parent_span_id"] == transaction["span_id"]
        assert transaction["span_id"] in {link["span_id"] for link in process["links"]}
    run = one("run won", "armature-automation")
    assert "process record.updated" in ancestors(run)
    step = one("step send_webhook")
    assert step["parent_span_id"] == run["span_id"]
    attempt = one("attempt send_webhook")
    assert attempt["parent_span_id"] == step["span_id"]
    beneath = [s for s in spans if s["parent_span_id"] == attempt["span_id"]]
    # Its secrets are read for each attempt; then the request.
    assert [s["kind"] for s in beneath if s["name"] != "automation transaction"] == ["CLIENT"]
    sent = hooks.received[0].headers["traceparent"]
    assert sent.split("-")[1] == http["trace_id"]
