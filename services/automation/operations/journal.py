"""Store what became of runs and what comes next, of many runs in one transaction.

A change speaks of one run and holds only while its fencing token does. What was done is stored even
of a run that is to be cancelled; what would begin is not.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from uuid import UUID

from kit import outbox
from kit.caller import Caller
from kit.db import Tx
from kit.outbox import Event
from services.automation.model import Claim, RunState, Step, Wait, WaitKind
from services.automation.store import journal as store
from services.automation.store.journal import AttemptRow, HistoryRow, RunRow

Also = Callable[[Tx], Awaitable[None]]


class Then(Enum):
    """What becomes of the run's place in the queue."""

    GO_ON = auto()
    FINISH = auto()
    SLEEP = auto()  # until something it waits for comes
    DEFER = auto()  # until `seconds` have passed, or something comes


class Verdict(Enum):
    STORED = auto()
    CANCELLING = auto()  # what was done is stored, what would begin is not
    SIGNALLED = auto()  # stored, but it must not sleep: something it waits for has come
    LOST = auto()  # somebody else holds the run; nothing was stored


@dataclass(slots=True)
class Change:
    claim: Claim
    run: RunRow | None = None
    steps: dict[int, Step] = field(default_factory=dict)
    attempts: dict[tuple[int, int], AttemptRow] = field(default_factory=dict)
    settled: list[tuple[UUID, int, WaitKind]] = field(default_factory=list)
    begun_steps: dict[int, Step] = field(default_factory=dict)
    begun_attempts: dict[tuple[int, int], AttemptRow] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)
    history: list[HistoryRow] = field(default_factory=list)
    caller: Caller | None = None
    events: list[Event] = field(default_factory=list)
    also: list[Also] = field(default_factory=list)
    then: Then = Then.GO_ON
    seconds: float = 0.0
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


async def apply(tx: Tx, workspace_id: UUID, changes: Sequence[Change]) -> list[Verdict]:
    """Store them; what became of each."""
    claims = {change.claim.run_id: change.claim for change in changes}
    held = await store.hold(tx, workspace_id, list(claims.values()))
    verdicts: list[Verdict] = []
    steps: dict[tuple[UUID, int], Step] = {}
    attempts: dict[tuple[UUID, int, int], AttemptRow] = {}
    runs: dict[UUID, RunRow] = {}
    ended: list[UUID] = []
    asleep: list[UUID] = []
    deferred: list[tuple[UUID, float]] = []
    heard: list[UUID] = []
    applied: list[Change] = []
    dropped: list[tuple[UUID, int, WaitKind]] = []
    for change in changes:
        run_id = change.claim.run_id
        if run_id not in held:
            verdicts.append(Verdict.LOST)
            continue
        cancelling, signalled = held[run_id]
        if _is_cancelled(change) and not cancelling:
            # Taken back meanwhile: whoever takes it up next goes on from what is stored.
            deferred.append((run_id, 0.0))
            verdicts.append(Verdict.LOST)
            continue
        steps |= {(run_id, index): step for index, step in change.steps.items()}
        attempts |= {(run_id, *key): row for key, row in change.attempts.items()}
        dropped += change.settled
        if cancelling and change.then is not Then.FINISH:
            verdicts.append(Verdict.CANCELLING)
            continue
        applied.append(change)
        steps |= {(run_id, index): step for index, step in change.begun_steps.items()}
        attempts |= {(run_id, *key): row for key, row in change.begun_attempts.items()}
        verdict = Verdict.STORED
        match change.then:
            case Then.FINISH:
                ended.append(run_id)
            case Then.SLEEP | Then.DEFER if signalled:
                heard.append(run_id)
                verdict = Verdict.SIGNALLED
            case Then.SLEEP:
                asleep.append(run_id)
            case Then.DEFER:
                deferred.append((run_id, change.seconds))
        if change.run is not None and verdict is not Verdict.SIGNALLED:
            before = runs.get(run_id)
            begun = change.run.begun or (before is not None and before.begun)
            runs[run_id] = change.run._replace(begun=begun)
        verdicts.append(verdict)
    await store.put_steps(tx, workspace_id, [(key[0], step) for key, step in steps.items()])
    await store.put_attempts(tx, workspace_id, list(attempts.values()))
    await store.put_runs(tx, workspace_id, list(runs.values()))
    await store.drop_waits(tx, workspace_id, dropped)
    await store.put_waits(tx, workspace_id, [w for change in applied for w in change.waits])
    await store.leave(tx, workspace_id, [*ended, *asleep])
    await store.defer(tx, workspace_id, deferred)
    await store.heard(tx, workspace_id, heard)
    await store.add_history(tx, workspace_id, [h for change in applied for h in change.history])
    for change in applied:
        if change.events and change.caller is not None:
            await _in_context(change, outbox.add(tx, change.caller, *change.events))
        for also in change.also:
            await _in_context(change, also(tx))
    return verdicts


def _is_cancelled(change: Change) -> bool:
    return change.run is not None and change.run.state is RunState.CANCELLED


async def _in_context(change: Change, work: Awaitable[None]) -> None:
    """What is announced belongs to the trace of the run, not of whoever commits for it."""
    await asyncio.get_running_loop().create_task(_awaiting(work), context=change.context)


async def _awaiting(work: Awaitable[None]) -> None:
    await work


def finished(run_id: UUID, state: RunState, error: str, output: str, trace_id: str) -> RunRow:
    return RunRow(run_id, state, error, output, trace_id, begun=True, ended=True)
