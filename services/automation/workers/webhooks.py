"""Send a rule's webhooks: signed as Standard Webhooks says, with a key that repeats share."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from opentelemetry.trace import SpanKind

from kit import telemetry, webhooks
from kit.db import Database
from kit.egress import Answer, ConnectFailed, Egress, Refused, TimedOut
from kit.together import Together
from schema import jsonio
from schema.problems import Invalid
from services.automation.logic.retries import Failed, Failure
from services.automation.model import Job
from services.automation.operations.performing import Done, Performing
from services.automation.operations.secrets import bound_to
from services.automation.store import secrets as store

_RETRIED = (408, 425, 429)


class Webhooks:
    def __init__(self, egress: Egress, db: Database, sealer: webhooks.Sealer) -> None:
        self._egress = egress
        self._db = db
        self._sealer = sealer
        self._signing: Together[UUID, store.Source, list[str]] = Together(self._signing_of)

    async def send(self, workspace_id: UUID, job: Job, performing: Performing) -> Done | Failed:
        """POST, signed."""
        secrets = await self._secrets(workspace_id, job)
        return await self._request(job, performing, "POST", secrets)

    async def request(self, workspace_id: UUID, job: Job, performing: Performing) -> Done | Failed:
        """Any method; signed where the step says so."""
        given = performing.given
        secrets = await self._secrets(workspace_id, job) if given.get("sign") else []
        found = await self._request(job, performing, given.get("method", "GET"), secrets)
        if isinstance(found, Done):
            return Done({**found.output, "json": _parsed(found.output["body"])})
        return found

    async def _secrets(self, workspace_id: UUID, job: Job) -> list[str]:
        """Those that sign at this moment, the newest first: a version outlives rotations."""
        found = await self._signing.ask(workspace_id, (job.run.kind, job.run.rule_id))
        assert found, "a rule or workflow keeps its secret, also once it is deleted"
        return found

    async def _signing_of(
        self, workspace_id: UUID, sources: Sequence[store.Source]
    ) -> dict[store.Source, list[str]]:
        async with self._db.reading(workspace_id) as tx:
            found = await store.signing_of(tx, workspace_id, sources)
        return {
            (kind, source_id): [
                self._sealer.open(one, bound_to(workspace_id, source_id)) for one in sealed
            ]
            for (kind, source_id), sealed in found.items()
        }

    async def _request(
        self, job: Job, performing: Performing, method: str, secrets: list[str]
    ) -> Done | Failed:
        given, epoch = performing.given, job.run.epoch
        parts = (
            (job.run.id, epoch, performing.step.index)
            if epoch
            else (
                job.run.id,
                performing.step.index,
            )
        )
        key = ".".join(str(part) for part in parts)
        body = given.get("body")
        is_text = isinstance(body, str)
        sent = b"" if body is None else body.encode() if is_text else jsonio.dumps(body)
        with telemetry.span(
            method, kind=SpanKind.CLIENT, url__full=given["url"].partition("?")[0]
        ) as span:
            headers = {
                **given.get("headers", {}),
                "content-type": "text/plain; charset=utf-8" if is_text else "application/json",
                "user-agent": "Armature-Automation/1",
                "idempotency-key": key,
            }
            if secrets:
                headers |= webhooks.headers(secrets, key, int(time.time()), sent)
            if here := telemetry.traceparent():
                headers["traceparent"] = here
            try:
                answer = await self._egress.request(method, given["url"], sent, headers)
            except Refused as exc:
                return Failed(Failure.PERMANENT, f"not sent: {exc.reason}", definite=True)
            except (TimedOut, ConnectFailed) as exc:
                return Failed(Failure.TRANSIENT, exc.reason, definite=False)
            span.set_attribute("http.response.status_code", answer.status)
        return judge(answer)


def _parsed(body: str) -> Any:
    """The answer as JSON, where it is some."""
    try:
        return jsonio.loads_exact(body.encode())
    except Invalid:
        return None


def judge(answer: Answer) -> Done | Failed:
    """2xx is success; a redirect is not."""
    if 200 <= answer.status < 300:
        return Done(
            {"status": answer.status, "body": answer.body_start, "latency_ms": answer.latency_ms}
        )
    reason = f"HTTP {answer.status}"
    if start := answer.body_start.strip():
        reason = f"{reason}: {start[:500]}"
    if answer.status in _RETRIED or answer.status >= 500:
        wait = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
        return Failed(Failure.TRANSIENT, reason, definite=False, retry_after=wait)
    return Failed(Failure.PERMANENT, reason, definite=True)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds, from either form of the header; None where it says nothing we understand."""
    if value.strip().isdigit() and len(value.strip()) < 12:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
