"""Forget runs that ended long ago: well after 30 days, else after 90, or as their workflow says."""

from uuid import UUID

from kit.db import Tx
from services.automation.model import Retention, RunState
from services.automation.store import runs, schedules, workflows

_FAILED = (RunState.FAILED, RunState.CANCELLED, RunState.BLOCKED, RunState.SKIPPED)
_FIRES_DAYS = 90


def days_of(kept: Retention) -> dict[RunState, int]:
    return {RunState.SUCCEEDED: kept.succeeded_days} | dict.fromkeys(_FAILED, kept.failed_days)


async def forget(tx: Tx, workspace_id: UUID, limit: int) -> int:
    """Drop at most so many of each kind; how many went."""
    usual = Retention()
    own = await workflows.retentions(tx, workspace_id)
    special = {one: kept for one, kept in own.items() if kept != usual}
    gone = await runs.forget(tx, workspace_id, days_of(usual), limit, excluded=list(special))
    for workflow_id, kept in special.items():
        gone += await runs.forget(tx, workspace_id, days_of(kept), limit, only=workflow_id)
    await schedules.forget_fires(tx, workspace_id, _FIRES_DAYS)
    return gone
