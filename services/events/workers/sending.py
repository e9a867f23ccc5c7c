"""Make one attempt of a delivery: signed, traced, bounded, and never more than told."""

import time
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from cryptography.exceptions import InvalidTag
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import Counter, Histogram

from kit import metrics, telemetry
from kit.clock import now
from kit.egress import Answer, Egress, EgressError
from kit.webhooks import Sealer, headers
from services.events.logic import retries
from services.events.model import Claim, Outcome, Sending

log = structlog.get_logger()

_OLD = timedelta(seconds=60)
_MAX_ERROR = 500
USER_AGENT = "Armature-Webhooks/1"
ATTEMPTS = Counter(
    "webhook_attempts", "Attempts to deliver.", ("outcome",), registry=metrics.REGISTRY
)
ATTEMPT_SECONDS = Histogram(
    "webhook_attempt_duration_seconds",
    "Time of one attempt.",
    buckets=metrics.SECONDS,
    registry=metrics.REGISTRY,
)


class Sender:
    """Sends to endpoints; what comes of it is told, and nothing is raised for it."""

    def __init__(self, egress: Egress, sealer: Sealer, schedule: Sequence[float]) -> None:
        self._egress = egress
        self._sealer = sealer
        self._schedule = schedule

    async def attempt(self, claim: Claim, sending: Sending) -> Outcome:
        late = now() - sending.create_time > _OLD
        with telemetry.span(
            f"deliver {sending.event_type}",
            kind=SpanKind.INTERNAL,
            parent=None if late else telemetry.remote(sending.traceparent),
            root=late,
            links=telemetry.link_to(sending.traceparent),
            armature__delivery_id=str(claim.delivery_id),
            armature__event_id=str(sending.event_id),
            armature__event_type=sending.event_type,
            armature__workspace_id=str(claim.workspace_id),
            armature__attempt=sending.number,
        ):
            return await self._send(claim, sending)

    async def _send(self, claim: Claim, sending: Sending) -> Outcome:
        parts = urlsplit(sending.url)
        started = time.monotonic()
        answer: Answer | None = None
        error = ""
        with telemetry.span(
            "POST",
            kind=SpanKind.CLIENT,
            http__request__method="POST",
            server__address=parts.hostname or "",
            server__port=parts.port or (443 if parts.scheme == "https" else 80),
            url__full=f"{parts.scheme}://{parts.netloc}{parts.path}",
            http__request__resend_count=sending.number - 1,
        ) as span:
            body = sending.body.encode()
            try:
                answer = await self._egress.post(
                    sending.url, body, self._headers(claim, sending, body)
                )
            except EgressError as exc:
                error = exc.reason
            except (InvalidTag, ValueError):
                log.exception("secret", subscription_id=str(claim.subscription_id))
                error = "its secret or headers can't be read: rotate it, and give them anew"
            status = answer.status if answer else 0
            if answer:
                span.set_attribute("http.response.status_code", status)
            succeeded = 200 <= status < 300
            if not succeeded:
                error = error or f"the endpoint answered {status}"
                span.set_status(StatusCode.ERROR, error)
            trace_id = telemetry.trace_id()
        ATTEMPTS.labels(_kind_of(status, succeeded)).inc()
        ATTEMPT_SECONDS.observe(time.monotonic() - started)
        gone = status == 410
        retry_in: float | None = None
        if not succeeded and not gone:
            found = answer.headers if answer else {}
            retry_in = retries.next_delay(self._schedule, sending.budget_used, found, now())
        return Outcome(
            number=sending.number,
            status=status,
            error=error[:_MAX_ERROR],
            response_body=answer.body_start if answer else "",
            latency_ms=round((time.monotonic() - started) * 1000),
            trace_id=trace_id,
            succeeded=succeeded,
            gone=gone,
            endpoint_down=not succeeded and retries.is_down(status),
            retry_in=retry_in,
        )

    def _headers(self, claim: Claim, sending: Sending, body: bytes) -> dict[str, str]:
        bound = str(claim.subscription_id)
        secrets = [self._sealer.open(sealed, bound) for sealed in sending.sealed_secrets]
        own = {name: self._sealer.open_text(text, bound) for name, text in sending.headers.items()}
        sent = own | {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
        }
        sent |= headers(secrets, str(sending.event_id), int(time.time()), body)
        if trace := telemetry.traceparent():
            sent["traceparent"] = trace
        return sent


def _kind_of(status: int, succeeded: bool) -> str:
    if succeeded:
        return "succeeded"
    return f"{status // 100}xx" if status else "no answer"
