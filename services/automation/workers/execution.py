"""Carry out one claimed run: each attempt is recorded, made, and settled with what comes next.

Nothing here decides whether a run is still ours: each transaction looks at the fencing token, and a
worker whose lease another has taken finds out at its next commit, which then commits nothing.
"""

from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import replace

import structlog
from opentelemetry.trace import Span

from kit import crash, telemetry
from kit.clock import now
from kit.db import Database
from kit.errors import ServiceError
from kit.webhooks import Sealer
from services.automation.logic.retries import Failed, Failure
from services.automation.model import Claim, Job
from services.automation.operations import execution
from services.automation.operations.execution import Attempt, Done
from services.automation.workers.actions import Actions

log = structlog.get_logger()

_LATE_SECONDS = 60.0  # after a longer delay, a linked trace of its own


class Executor:
    def __init__(self, db: Database, actions: Actions, sealer: Sealer) -> None:
        self._db = db
        self._actions = actions
        self._sealer = sealer

    async def execute(self, claim: Claim) -> None:
        """Go on with the run until it ends, waits, or is no longer ours."""
        try:
            await self._carry_out(claim)
        except ServiceError as exc:  # of our own database: the run is due again with its lease
            log.warning("run waits", run_id=str(claim.run_id), error=exc.message)
        except Exception as exc:
            log.exception("run", run_id=str(claim.run_id))
            async with self._db.transaction(claim.workspace_id) as tx:
                reason = f"an error on our side, which we have logged ({type(exc).__name__})"
                await execution.give_up(tx, claim, reason)

    async def _carry_out(self, claim: Claim) -> None:
        async with AsyncExitStack() as stack:
            async with self._db.transaction(claim.workspace_id) as tx:
                found = await execution.load(tx, claim)
                if found is None:
                    return
                job, sealed = found
                stack.enter_context(_run_span(claim, job))
                trace_id = telemetry.trace_id()
                attempt = await execution.begin(tx, claim, job, trace_id)
            bound_to = f"{claim.workspace_id}/{job.run.rule_id}"
            job = replace(job, webhook_secret=self._sealer.open(sealed, bound_to))
            while attempt is not None:
                crash.point("automation.before_action")
                result = await self._attempt(claim, job, attempt)
                crash.point("automation.after_action")
                async with self._db.transaction(claim.workspace_id) as tx:
                    attempt = await execution.settle(tx, claim, job, attempt, result, trace_id)
                    crash.point("automation.before_commit")

    async def _attempt(self, claim: Claim, job: Job, attempt: Attempt) -> Done | Failed:
        step = attempt.step
        with (
            telemetry.span(f"step {step.name}", armature__step=step.name),
            telemetry.span(
                f"attempt {step.type}", armature__step=step.name, armature__attempt=step.attempts
            ) as span,
        ):
            try:
                result = await self._actions.perform(claim.workspace_id, job, attempt)
            except Exception as exc:
                log.exception("action", run_id=str(claim.run_id), step=step.name)
                reason = f"an error on our side, which we have logged ({type(exc).__name__})"
                result = Failed(Failure.TRANSIENT, reason, definite=False)
            if isinstance(result, Failed):
                span.set_attribute("error.type", result.kind)
                span.set_attribute("error.message", result.reason[:200])
        return result


def _run_span(claim: Claim, job: Job) -> AbstractContextManager[Span]:
    """A child of the span that processed the event; long after it, a trace of its own, linked."""
    late = (now() - job.run.create_time).total_seconds() > _LATE_SECONDS
    return telemetry.span(
        f"run {job.run.rule_name}",
        parent=None if late else telemetry.remote(job.traceparent),
        root=late,
        links=telemetry.link_to(job.traceparent) if late else (),
        armature__run_id=str(job.run.id),
        armature__rule_id=str(job.run.rule_id),
        armature__event_id=str(job.run.event_id),
        armature__workspace_id=str(claim.workspace_id),
    )
