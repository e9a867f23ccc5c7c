"""Let runs begin as the limits of their workflow say: so many at once, in a time, the last of a
burst.

Limits delay; what another has taken the place of is shown as skipped.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from kit.db import Tx
from services.automation.model import Claim, NewRun, RunState
from services.automation.operations import figures
from services.automation.store import flows, queue
from services.automation.store.runs import Loaded


class Hands(Protocol):
    """Who carries runs out in this process."""

    @property
    def owner(self) -> str: ...
    @property
    def lease(self) -> float: ...
    def take(self, tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> list[Claim]:
        """The first of them, as far as there are places now; kept for them until `begin`, or until
        the transaction fails."""

    def begin(
        self, workspace_id: UUID, claims: Sequence[Claim], loaded: Mapping[UUID, Loaded]
    ) -> None:
        """Carry out what was taken: it is committed. `loaded` are its runs as they are stored."""

    def wake(self) -> None:
        """Look at the queue."""


async def admit(
    tx: Tx,
    workspace_id: UUID,
    runs: Sequence[NewRun],
    keys: Mapping[UUID, str],
    delays: Mapping[UUID, float],
    hands: Hands | None = None,
) -> list[Claim]:
    """Queue runs that were just made, each as its workflow's limits allow; `keys` are those that
    later runs replace them by. What `hands` have places for nobody has to find: they hold it."""
    plain = [run for run in runs if run.rule.limits.plain and not delays.get(run.id)]
    plain.sort(key=lambda run: -run.rule.limits.priority)
    held = hands.take(tx, workspace_id, [run.id for run in plain]) if hands else []
    if hands and held:
        await queue.insert_held(tx, held, hands.owner, hands.lease)
    left: dict[int, list[UUID]] = {}
    for run in plain[len(held) :]:
        left.setdefault(run.rule.limits.priority, []).append(run.id)
    for priority, ids in left.items():
        await queue.insert_due(tx, workspace_id, ids, priority=priority)
    limited = [run for run in runs if delays.get(run.id) or not run.rule.limits.plain]
    for run in limited:
        await _admit_limited(tx, workspace_id, run, keys.get(run.id, ""), delays.get(run.id, 0.0))
    if hands and (left or limited):
        tx.after_commit(hands.wake)
    return held


async def _admit_limited(tx: Tx, workspace_id: UUID, run: NewRun, key: str, delay: float) -> None:
    workflow_id, limits = run.rule.id, run.rule.limits
    if limits.debounce:
        replaced = await flows.take_place(tx, workspace_id, workflow_id, key, run.id)
        place = replaced and await flows.drop_unbegun(tx, workspace_id, replaced)
        if replaced is not None and place:
            await flows.skip(tx, workspace_id, replaced, f"the run {run.id} has taken its place")
            figures.count_end(tx, run.rule.kind, RunState.SKIPPED)
            if limits.concurrency and place == "queue":
                await release(tx, workspace_id, workflow_id)
        delay = max(delay, limits.debounce)
    if limits.rate:
        gap = limits.per / limits.rate
        delay = max(delay, await flows.next_start(tx, workspace_id, workflow_id, gap, limits.rate))
    if limits.concurrency and not await flows.enter(
        tx, workspace_id, workflow_id, limits.concurrency
    ):
        await flows.line_up(tx, workspace_id, workflow_id, limits.priority, run.id)
        return
    await queue.insert_due(tx, workspace_id, [run.id], priority=limits.priority, seconds=delay)


async def release(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> None:
    """One has ended: the next of its line begins."""
    following = await flows.leave(tx, workspace_id, workflow_id)
    if following:
        await queue.insert_due(tx, workspace_id, following)
