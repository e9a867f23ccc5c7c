"""Hold what one claimed run has stored and is about to store, while a worker carries it out."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from kit import telemetry
from kit.caller import Caller
from kit.clock import now
from kit.outbox import Event
from schema import jsonio
from services.automation import events
from services.automation.logic import guard, keys
from services.automation.logic.retries import Failed, Failure
from services.automation.model import (
    Claim,
    Job,
    Kind,
    Node,
    Outcome,
    RunState,
    Step,
    StepState,
    Wait,
    WaitKind,
)
from services.automation.operations.journal import Also, Change, Then, Verdict
from services.automation.store.journal import AttemptRow, HistoryRow, RunRow
from services.automation.workers.journal import Journal

_MAX_TEXT = 2000


class LeaseLostError(Exception):
    """Somebody else holds the run: what we know of it is no longer so."""


class CancellingError(Exception):
    """The run is to be cancelled."""


class StepFailedError(Exception):
    """A step failed for good."""

    def __init__(self, step: Step, failed: Failed) -> None:
        super().__init__(failed.reason)
        self.step = step
        self.failed = failed


class Memory:
    """The rows of a run by path, what of them is not stored yet, and the way to store it."""

    def __init__(self, claim: Claim, job: Job, journal: Journal) -> None:
        self.claim = claim
        self.job = job
        self.trace_id = telemetry.trace_id()
        self.caller: Caller = events.actor(claim.workspace_id, job.run, job.occasion["event"])
        self.waits: dict[tuple[int, WaitKind], Wait] = {
            (one.step_index, one.kind): one for one in job.waits
        }
        self._journal = journal
        self._rows = {step.path: step for step in job.steps}
        self._next = max((step.index for step in job.steps), default=-1) + 1
        self._steps: dict[int, Step] = {}
        self._attempts: dict[tuple[int, int], AttemptRow] = {}
        self._open: dict[int, AttemptRow] = {}
        self._settled: list[tuple[UUID, int, WaitKind]] = []
        self._announced_running = job.run.state is RunState.RUNNING

    def row(self, path: str) -> Step | None:
        return self._rows.get(path)

    def below(self, prefix: str) -> list[Step]:
        return [row for path, row in self._rows.items() if path.startswith(prefix)]

    def under_way(self) -> list[Step]:
        """Steps that have begun and have not ended."""
        over = (StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELLED)
        return [row for row in self._rows.values() if row.state not in over]

    def new_row(self, node: Node, path: str) -> Step:
        if self._next >= guard.MAX_STEPS:
            row = Step(self._next, node.id, node.type, StepState.FAILED, path=path)
            reason = f"more than {guard.MAX_STEPS} steps in one run"
            raise StepFailedError(row, Failed(Failure.LIMIT, reason, definite=True))
        row = Step(
            self._next,
            node.id,
            node.type,
            StepState.PENDING,
            epoch=self.job.run.epoch,
            path=path,
            start_time=now(),
        )
        self._next += 1
        self._rows[path] = row
        return row

    def key(self, row: Step) -> str:
        """The idempotency key of a step's effect."""
        return keys.of_step(self.job.run.id, row.epoch, row.path)

    def called_id(self, row: Step) -> UUID:
        """The id of the run that a step calls: the same however often it is tried."""
        return keys.called_run(self.key(row))

    @property
    def is_dirty(self) -> bool:
        return bool(self._steps or self._attempts or self._settled)

    def note(self, row: Step) -> None:
        """To be stored with the next commit."""
        self._steps[row.index] = row

    def succeed(self, row: Step, output: dict[str, Any]) -> None:
        row.state, row.output, row.error = StepState.SUCCEEDED, jsonio.dumps(output).decode(), ""
        row.finish_time, row.retry_at, row.waiting_since = now(), None, None
        self._end_attempt(row, Outcome.SUCCEEDED, "")
        self.note(row)

    def fail(self, row: Step, failed: Failed) -> StepFailedError:
        """Note a failure for good, and have it to raise."""
        row.state, row.error = StepState.FAILED, clean(failed.reason)
        row.definite, row.finish_time, row.retry_at = failed.definite, now(), None
        self._end_attempt(row, Outcome.FAILED, failed.reason)
        self.note(row)
        return StepFailedError(row, failed)

    def pass_over(self, row: Step) -> None:
        """Note that the run goes on after its failure."""
        if not row.passed_over:
            row.passed_over = True
            self.note(row)

    def note_failure(self, row: Step, reason: str) -> None:
        """It failed, and will be tried again."""
        row.error = clean(reason)
        self._end_attempt(row, Outcome.FAILED, reason)
        self.note(row)

    def forget_wait(self, row: Step, kind: WaitKind) -> None:
        self._settled.append((self.job.run.id, row.index, kind))
        self.waits.pop((row.index, kind), None)

    async def begin(self, row: Step) -> None:
        """Record an attempt before it is made."""
        row.attempts += 1
        row.state, row.retry_at = StepState.RUNNING, None
        attempt = AttemptRow(
            self.job.run.id,
            row.index,
            row.attempts,
            self.claim.token,
            self.key(row),
            Outcome.RUNNING,
            "",
            self.trace_id,
            now(),
            None,
        )
        try:
            await self.commit(begun=row, attempt=attempt)
        except CancellingError:
            row.attempts -= 1  # it was never made
            raise
        self._open[row.index] = attempt

    async def commit(
        self,
        *,
        begun: Step | None = None,
        attempt: AttemptRow | None = None,
        waits: tuple[Wait, ...] = (),
        announced: tuple[Event, ...] = (),
        also: tuple[Also, ...] = (),
        history: tuple[tuple[str, str], ...] = (),
        then: Then = Then.GO_ON,
        seconds: float = 0.0,
        state: RunState = RunState.RUNNING,
        error: str = "",
        output: str = "",
    ) -> Verdict:
        """Store everything noted, and what is given. Raises when the run is not ours any more, or
        is to be cancelled."""
        run = self.job.run
        change = Change(self.claim, caller=self.caller, then=then, seconds=seconds)
        change.steps, self._steps = self._steps, {}
        change.attempts, self._attempts = self._attempts, {}
        change.settled, self._settled = self._settled, []
        if begun is not None:
            # Another branch may have noted it before; what begins is stored only if it begins.
            change.steps.pop(begun.index, None)
            change.begun_steps[begun.index] = begun
        if attempt is not None:
            change.begun_attempts[attempt.step_index, attempt.number] = attempt
        change.waits += waits
        change.events += announced
        change.also += also
        actor = run.rule_name
        change.history = [HistoryRow(run.id, kind, clean(text), actor) for kind, text in history]
        ends = then is Then.FINISH
        if ends or then is Then.SLEEP or not self._announced_running:
            change.run = RunRow(
                run.id, state, clean(error), output, self.trace_id, begun=True, ended=ends
            )
            self._announced_running = then is not Then.SLEEP
        verdict = await self._journal.commit(change)
        if verdict is Verdict.LOST:
            raise LeaseLostError
        if verdict is Verdict.CANCELLING:
            raise CancellingError
        return verdict

    def _end_attempt(self, row: Step, outcome: Outcome, error: str) -> None:
        attempt = self._open.pop(row.index, None)
        if attempt is not None:
            ended = attempt._replace(outcome=outcome, error=clean(error), finish_time=now())
            self._attempts[row.index, attempt.number] = ended

    def outputs(self) -> dict[str, Any]:
        """What the steps at the top have answered, by their ids."""
        return {
            path: jsonio.loads_stored(row.output.encode())
            for path, row in self._rows.items()
            if "/" not in path and row.state is StepState.SUCCEEDED and row.output
        }

    def last_output(self) -> str:
        """What the last step has answered, as JSON: the run's own output."""
        done = [r for r in self._rows.values() if "/" not in r.path and r.output]
        return max(done, key=lambda row: row.index).output if done else ""

    def source_names(self) -> dict[str, Any]:
        run = self.job.run
        return {"id": str(run.rule_id), "name": run.rule_name, "version": run.rule_version}

    def path_of(self, prefix: str, node: Node, position: int) -> str:
        """Where a step stands. A rule's are known by their number, as they always were."""
        return str(position) if self.job.run.kind is Kind.RULE else prefix + node.id

    def as_cancelled(self, row: Step) -> None:
        row.state, row.finish_time = StepState.CANCELLED, now()
        self.note(row)

    def replaced(self, wait: Wait) -> Wait:
        """Remember what a step waits for from now on."""
        self.waits[wait.step_index, wait.kind] = replace(wait, outcome="")
        return wait


def clean(text: str) -> str:
    """What Postgres keeps: no NUL, and not without end."""
    return text.replace("\0", "")[:_MAX_TEXT]
