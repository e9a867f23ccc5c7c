"""Walk a run through its graph: what is stored as done answers at once, the rest is carried out.

The walk begins anew each time the run is claimed, and finds its place by the rows of its steps: a
branch that was chosen stays chosen, a loop goes on at its index, a wait that was settled goes on
with what it brought. It ends when the run ends, or when every way forward waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from kit import crash, telemetry
from kit.clock import now
from schema import jsonio
from schema.problems import Invalid
from services.automation.logic import occasion, prepared
from services.automation.logic.graph import END
from services.automation.logic.headers import SENDING, Keeper
from services.automation.logic.retries import ATTEMPTS, Failed, Failure, verdict
from services.automation.logic.scopes import Scope
from services.automation.model import ActionType, Job, Node, RunState, Step, StepState, WaitKind
from services.automation.operations.figures import ATTEMPT_SECONDS
from services.automation.operations.journal import Then, Verdict
from services.automation.operations.performing import Done, Performing
from services.automation.workers.memory import (
    CancellingError,
    LeaseLostError,
    Memory,
    StepFailedError,
)

log = structlog.get_logger()


class Flow(Enum):
    """How a walk through a sequence came out."""

    NEXT = auto()  # to its end
    ASLEEP = auto()  # it waits for something
    STOPPED = auto()  # the whole run ends here, well
    HALTED = auto()  # others have made it needless


class Branch:
    """A part of the walk that can be told to begin nothing more."""

    def __init__(self, parent: "Branch | None" = None) -> None:
        self._parent = parent
        self.halted = False

    @property
    def is_halted(self) -> bool:
        return self.halted or (self._parent is not None and self._parent.is_halted)


Perform = Callable[[Job, Performing], Awaitable[Done | Failed]]


@dataclass(frozen=True, slots=True)
class At:
    """Where a walk stands: at a step, with its row, and what it can name there."""

    node: Node
    path: str
    row: Step
    scope: Scope
    branch: Branch


Handler = Callable[[At], Awaitable[Flow]]
# Reads what a run waits for, once something has come.
Reload = Callable[[], Awaitable[None]]


class Interpreter:
    """Carries one claimed run as far as it goes. Subclasses add what control steps do."""

    def __init__(self, memory: Memory, perform: Perform, reload: Reload, keeper: Keeper) -> None:
        self.memory = memory
        self.job = memory.job
        self._perform = perform
        self._reload = reload
        self._keeper = keeper
        self.wake_at: datetime | None = None
        self._zone = str(self.job.occasion.get("time_zone") or "")
        run = self.job.run
        names = {"id": str(run.id), "depth": run.depth, "epoch": run.epoch}
        self._base = occasion.scope(self.job.occasion, memory.source_names(), names)
        self.handlers: dict[ActionType, Handler] = {}

    async def walk(self) -> bool:
        """To the end (true), or until everything waits (false)."""
        while True:
            self.wake_at = None
            variables = dict(self.job.source.graph.variables)
            scope = Scope(self._base, variables)
            flow = await self.sequence(self.job.source.graph.nodes, "", scope, Branch())
            if flow is not Flow.ASLEEP:
                return True
            if await self._sleep() is not Verdict.SIGNALLED:
                return False
            await self._reload()

    async def _sleep(self) -> Verdict:
        if self.wake_at is None:
            return await self.memory.commit(then=Then.SLEEP, state=RunState.WAITING)
        seconds = max(0.0, (self.wake_at - now()).total_seconds())
        return await self.memory.commit(then=Then.DEFER, seconds=seconds)

    async def sequence(
        self, nodes: Sequence[Node], prefix: str, scope: Scope, branch: Branch
    ) -> Flow:
        places = {node.id: i for i, node in enumerate(nodes)}
        position = 0
        while position < len(nodes):
            node = nodes[position]
            flow = await self._node(
                node, self.memory.path_of(prefix, node, position), scope, branch
            )
            if flow is not Flow.NEXT:
                return flow
            if node.next == END:
                break
            position = places[node.next] if node.next else position + 1
        return Flow.NEXT

    async def _node(self, node: Node, path: str, scope: Scope, branch: Branch) -> Flow:
        row = self.memory.row(path)
        if row is not None and row.state is StepState.SUCCEEDED:
            self._recall(node, row, scope)
            return Flow.STOPPED if node.type is ActionType.STOP else Flow.NEXT
        goes_on = node.on_error == "continue"
        if row is not None and row.state is StepState.FAILED and goes_on:
            self.memory.pass_over(row)
            scope.remember(node.id, {}, row.error)
            return Flow.NEXT
        if row is not None and row.state is StepState.FAILED:
            raise StepFailedError(row, Failed(Failure.PERMANENT, row.error, row.definite))
        if branch.is_halted:
            return Flow.HALTED
        if row is None:
            row = self.memory.new_row(node, path)
        handler = self.handlers.get(node.type, self._act)
        try:
            return await handler(At(node, path, row, scope, branch))
        except prepared.InputError as exc:
            failure = self.memory.fail(row, Failed(Failure.PERMANENT, str(exc), definite=True))
        except Invalid as exc:
            failure = self.memory.fail(row, Failed(Failure.PERMANENT, str(exc), definite=True))
        except StepFailedError as exc:
            failure = exc
            if exc.step is not row:  # something inside it failed
                self.memory.fail(row, Failed(Failure.PERMANENT, f"{exc.step.name}: {exc}", False))
        if not goes_on or failure.failed.kind is Failure.LIMIT:
            raise failure
        self.memory.pass_over(row)
        scope.remember(node.id, {}, row.error)
        return Flow.NEXT

    def _recall(self, node: Node, row: Step, scope: Scope) -> None:
        output = jsonio.loads_stored(row.output.encode()) if row.output else {}
        if node.type is ActionType.SET_VARIABLES:
            scope.set(output)
        scope.remember(node.id, output)

    def close(self, node: Node, row: Step, scope: Scope, output: dict[str, Any]) -> Flow:
        """A step is done."""
        self.memory.succeed(row, output)
        scope.remember(node.id, output)
        return Flow.NEXT

    def given(self, node: Node, row: Step, scope: Scope) -> dict[str, Any]:
        """A step's inputs: as stored, or made now, for the first attempt of an epoch."""
        if row.input:
            stored: dict[str, Any] = jsonio.loads_stored(row.input.encode())
            shut = self._keeper.seal_rest_of_input(node.type, stored)
            if shut != stored:  # of an older release; it is stored with the attempt
                row.input = jsonio.dumps(shut).decode()
            return self._keeper.open_input(node.type, stored)
        if node.type in SENDING:
            node = replace(node, input=self._keeper.open_input(node.type, node.input))
        moment = datetime.now(ZoneInfo(self._zone) if self._zone else UTC)
        found = prepared.prepare(node, scope.names(), self._zone, moment)
        row.input = jsonio.dumps(self._keeper.seal_input(node.type, found)).decode()
        return found

    def value(self, given: Any, scope: Scope) -> Any:
        """What a template or formula comes to."""
        return prepared.render(given, scope.names(), self._zone)

    @property
    def time_zone(self) -> str:
        return self._zone

    # --- steps that act elsewhere ---

    async def _act(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        if row.retry_at is not None and row.retry_at > now():
            self._wake_by(row.retry_at)
            return Flow.ASLEEP
        if row.state is StepState.RUNNING and row.attempts and not row.retry_at:
            most = node.attempts or ATTEMPTS
            if row.attempts >= most and node.attempts:
                reason = "failed, outcome unknown: its worker stopped in the middle, and the step"
                reason += " is not to be tried again"
                raise self.memory.fail(row, Failed(Failure.PERMANENT, reason, definite=False))
        given = self.given(node, row, scope)
        await self.memory.begin(row)
        crash.point("automation.before_action")
        result = await self._attempt(node, row, given)
        crash.point("automation.after_action")
        if isinstance(result, Done):
            return self.close(node, row, scope, result.output)
        return self._settle_failure(node, row, result)

    async def _attempt(self, node: Node, row: Step, given: dict[str, Any]) -> Done | Failed:
        spans = telemetry.is_recording()
        step = telemetry.span(f"step {node.id}", armature__step=node.id) if spans else nullcontext()
        performing = Performing(row, given, self.memory.key(row))
        began = time.monotonic()
        with step:
            attempt = (
                telemetry.span(
                    f"attempt {row.type}", armature__step=row.name, armature__attempt=row.attempts
                )
                if spans
                else nullcontext()
            )
            with attempt as span:
                try:
                    result = await self._perform(self.job, performing)
                except Exception as exc:
                    log.exception("action", run_id=str(self.job.run.id), step=row.name)
                    reason = f"an error on our side, which we have logged ({type(exc).__name__})"
                    result = Failed(Failure.TRANSIENT, reason, definite=False)
                outcome = "done" if isinstance(result, Done) else "failed"
                ATTEMPT_SECONDS.labels(row.type.value, outcome).observe(time.monotonic() - began)
                if span is not None and isinstance(result, Failed):
                    span.set_attribute("error.type", result.kind)
                    span.set_attribute("error.message", result.reason[:200])
        return result

    def _settle_failure(self, node: Node, row: Step, failed: Failed) -> Flow:
        absent = failed.kind is Failure.ABSENT
        row.failures += not absent
        row.waiting_since = (row.waiting_since or now()) if absent else None
        decided = verdict(
            failed,
            row.failures,
            row.attempts,
            row.waiting_since,
            now(),
            node.attempts or ATTEMPTS,
        )
        if not decided.retry:
            raise self.memory.fail(row, failed)
        self.memory.note_failure(row, failed.reason)
        row.retry_at = datetime.fromtimestamp(now().timestamp() + decided.delay, UTC)
        self._wake_by(row.retry_at)
        return Flow.ASLEEP

    def _wake_by(self, moment: datetime) -> None:
        self.wake_at = moment if self.wake_at is None else min(self.wake_at, moment)


async def together(walks: Sequence[Awaitable[Flow]]) -> list[Flow | StepFailedError]:
    """All of them to their ends; what ends the whole run is raised when all have ended."""
    tasks = [asyncio.ensure_future(walk) for walk in walks]
    try:
        found = await asyncio.gather(*tasks, return_exceptions=True)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    errors = [one for one in found if isinstance(one, BaseException)]
    for kind in (LeaseLostError, CancellingError):
        for error in errors:
            if isinstance(error, kind):
                raise error
    for error in errors:
        if not isinstance(error, StepFailedError):
            raise error
    return [one for one in found if isinstance(one, Flow | StepFailedError)]


def unsettled(waits: Mapping[tuple[int, WaitKind], Any], row: Step, kind: WaitKind) -> bool:
    """Whether a step waits, and nothing has come yet."""
    wait = waits.get((row.index, kind))
    return wait is not None and not wait.outcome
