"""Carry out claimed runs: load those of a workspace together, walk each, and end it.

Nothing here decides whether a run is still ours: each commit looks at the fencing token, and a
worker whose lease another has taken finds out at its next commit, which then stores nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import psycopg
import structlog
from opentelemetry.trace import Span

from kit import telemetry
from kit.clock import now
from kit.db import Database, Tx
from kit.errors import ServiceError
from kit.webhooks import Sealer
from schema import jsonio
from services.automation import events
from services.automation.logic.headers import Keeper
from services.automation.logic.retries import Failed, Failure
from services.automation.model import (
    ActionType,
    Claim,
    Job,
    Kind,
    RunState,
    Source,
    Step,
    StepState,
    WaitKind,
)
from services.automation.operations import calling, execution, guarding
from services.automation.operations.execution import Key
from services.automation.operations.figures import RUNS, WAITED
from services.automation.operations.journal import Also, Then
from services.automation.operations.performing import Done, Performing
from services.automation.operations.secrets import bound_to
from services.automation.store.runs import Loaded
from services.automation.workers.actions import Actions
from services.automation.workers.control import Walk
from services.automation.workers.journal import Journal
from services.automation.workers.memory import (
    CancellingError,
    LeaseLostError,
    Memory,
    StepFailedError,
)

log = structlog.get_logger()

_LATE_SECONDS = 60.0  # after a longer delay, a linked trace of its own
_HELD_SOURCES = 2000


class Executor:
    def __init__(self, db: Database, actions: Actions, sealer: Sealer) -> None:
        self._db = db
        self._actions = actions
        self._sealer = sealer
        self._journal = Journal(db)
        self._sources: OrderedDict[Key, Source] = OrderedDict()

    async def load(
        self, workspace_id: UUID, claims: Sequence[Claim], loaded: Mapping[UUID, Loaded]
    ) -> list[tuple[Claim, Job]]:
        """What is still ours of claims of one workspace, without a look at what is `loaded`."""
        jobs, unknown = [], []
        for claim in claims:
            one = loaded.get(claim.run_id)
            source = one and self._sources.get(execution.key_of(workspace_id, one.run))
            if one and source:
                jobs.append(execution.as_stored(one, source))
            else:
                unknown.append(claim)
        if unknown:
            async with self._db.transaction(workspace_id) as tx:
                more, found = await execution.load(tx, workspace_id, unknown, self._sources)
            jobs += more
            self._sources |= found
            while len(self._sources) > _HELD_SOURCES:
                self._sources.popitem(last=False)
        ours = {claim.run_id: claim for claim in claims}
        return [(ours[job.run.id], job) for job in jobs]

    async def execute(self, claim: Claim, job: Job) -> bool:
        """Go on with the run until it ends, waits, or is no longer ours. False where nothing else
        is due by it: no other run, and not this one again."""
        try:
            with _run_span(claim, job):
                return await self._carry_out(claim, job)
        except LeaseLostError:
            log.info("lease lost", run_id=str(claim.run_id))
        except ServiceError as exc:  # of our own database: the run is due again with its lease
            log.warning("run waits", run_id=str(claim.run_id), error=exc.message)
        except psycopg.OperationalError as exc:
            log.warning("run waits", run_id=str(claim.run_id), error=str(exc))
        except Exception as exc:
            log.exception("run", run_id=str(claim.run_id))
            async with self._db.transaction(claim.workspace_id) as tx:
                reason = f"an error on our side, which we have logged ({type(exc).__name__})"
                if await execution.give_up(tx, claim, reason):
                    caller = events.actor(claim.workspace_id, job.run, job.occasion["event"])
                    why = f"what called it in the run {claim.run_id} has failed"
                    await calling.end_called(tx, caller, claim.run_id, why=why)
        return True

    async def _carry_out(self, claim: Claim, job: Job) -> bool:
        if job.run.start_time is None:
            waited = (now() - job.run.create_time).total_seconds()
            WAITED.labels(job.run.kind.value).observe(max(0.0, waited))
        memory = Memory(claim, job, self._journal)

        async def reload() -> None:
            async with self._db.transaction(claim.workspace_id) as tx:
                found = await execution.reload_waits(tx, claim.workspace_id, job.run.id)
            memory.waits = {(one.step_index, one.kind): one for one in found}

        async def perform(job: Job, performing: Performing) -> Done | Failed:
            return await self._actions.perform(claim.workspace_id, job, performing)

        if job.cancelling:
            await self._cancel(memory)
            return True
        try:
            keeper = Keeper(self._sealer, bound_to(claim.workspace_id, job.run.rule_id))
            if await Walk(memory, perform, reload, keeper).walk():
                await self._succeed(memory)
                return _leads_on(memory)
        except StepFailedError as exc:
            await self._fail(memory, exc)
        except CancellingError:
            await self._cancel(memory)
        return True

    async def _finish(
        self,
        memory: Memory,
        state: RunState,
        error: str = "",
        attempts: int = 0,
        kind: str = "",
        more: tuple[Also, ...] = (),
    ) -> None:
        job, claim = memory.job, memory.claim
        keeps = state is RunState.SUCCEEDED and job.run.kind is Kind.WORKFLOW
        output = memory.last_output() if keeps else ""
        told = execution.output_of(error, memory.outputs()) if job.run.parent_run_id else ""
        limits = job.source.limits

        async def others(tx: Tx) -> None:
            await execution.tell_others(tx, claim.workspace_id, job.run, state, told, limits)

        async def forget_waits(tx: Tx) -> None:
            await calling.end_waits(tx, claim.workspace_id, job.run.id)

        also: list[Also] = [*more]
        if job.run.parent_run_id is not None or limits.concurrency:
            also.append(others)
        if memory.waits or job.waits:
            also.append(forget_waits)
        if kind == Failure.LIMIT:
            also.append(self._pause(memory, error))
        history = ((state.value, error),) if state is not RunState.SUCCEEDED else ()
        announced = execution.endings(
            job, state, error, attempts=attempts, trace_id=memory.trace_id
        )
        await memory.commit(
            announced=announced,
            also=tuple(also),
            history=history,
            then=Then.FINISH,
            state=state,
            error=error,
            output=output,
        )
        RUNS.labels(job.run.kind.value, state.value).inc()

    def _pause(self, memory: Memory, reason: str) -> Also:
        async def pause(tx: Tx) -> None:
            run = memory.job.run
            await guarding.pause(tx, memory.claim.workspace_id, run.kind, run.rule_id, reason)

        return pause

    async def _succeed(self, memory: Memory) -> None:
        """End it well. Where it was stopped inside other steps, those count as done, and what other
        branches have under way ends with it."""
        stops = [
            row.path
            for row in memory.below("")
            if row.type is ActionType.STOP and row.state is StepState.SUCCEEDED
        ]
        for row in memory.under_way():
            if any(stop.startswith(f"{row.path}/") for stop in stops):
                memory.succeed(row, _output_at_stop(row))
        more = self._end_under_way(memory, "was stopped")
        await self._finish(memory, RunState.SUCCEEDED, more=more)

    def _end_under_way(self, memory: Memory, because: str) -> tuple[Also, ...]:
        """Cancel the steps that have not ended, and with the run's end what they have called."""
        calls = False
        for row in memory.under_way():
            calls |= row.type is ActionType.CALL_WORKFLOW
            memory.as_cancelled(row)
        caller, run_id = memory.caller, memory.claim.run_id

        async def end_called(tx: Tx) -> None:
            why = f"what called it in the run {run_id} {because}"
            await calling.end_called(tx, caller, run_id, why=why)

        return (end_called,) if calls else ()

    async def _fail(self, memory: Memory, failure: StepFailedError) -> None:
        """End it as failed; what other branches have under way ends with it, as when it is
        cancelled, and goes on with it when it is resumed."""
        step = failure.step
        more = self._end_under_way(memory, "has failed")
        error = f"{step.name}: {failure.failed.reason}"
        await self._finish(
            memory,
            RunState.FAILED,
            error,
            attempts=step.attempts,
            kind=failure.failed.kind,
            more=more,
        )

    async def _cancel(self, memory: Memory) -> None:
        """End it as cancelled, with the runs that it has called."""
        called: list[UUID] = []
        for row in memory.under_way():
            if (row.index, WaitKind.RUN) in memory.waits:
                called.append(memory.called_id(row))
            memory.as_cancelled(row)
        caller = memory.caller

        async def cancel_called(tx: Tx) -> None:
            for run_id in called:
                await calling.cancel_if_unfinished(tx, caller, run_id)

        more = (cancel_called,) if called else ()
        await self._finish(memory, RunState.CANCELLED, more=more)


def _leads_on(memory: Memory) -> bool:
    """Whether a run that has succeeded lets others go on."""
    job = memory.job
    calls = any(row.type is ActionType.CALL_WORKFLOW for row in memory.below(""))
    return calls or job.run.parent_run_id is not None or bool(job.source.limits.concurrency)


def _output_at_stop(row: Step) -> dict[str, Any]:
    """What a step has answered that was left by a stop inside it: a choice, its branch."""
    if row.type not in (ActionType.IF, ActionType.SWITCH):
        return {}
    found: dict[str, Any] = jsonio.loads_stored(row.input.encode())
    return found


def _run_span(claim: Claim, job: Job) -> AbstractContextManager[Span | None]:
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
