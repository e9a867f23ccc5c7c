"""Hand runs to workers: leases, fencing tokens, and a turn for every workspace.

A row may be claimed once its `due_time` has come. A claim moves `due_time` to the end of the lease
and draws a new token, so a run whose worker has died is simply due again, and what the old holder
still commits finds another token and is refused.
"""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from services.automation.model import Claim

# Workspaces are found one index step each, and only as many as are needed.
_CLAIM = """
WITH RECURSIVE spaces AS (
  (SELECT workspace_id FROM run_queue WHERE workspace_id > %(after)s
   ORDER BY workspace_id LIMIT 1)
  UNION ALL
  SELECT (SELECT q.workspace_id FROM run_queue AS q WHERE q.workspace_id > s.workspace_id
          ORDER BY q.workspace_id LIMIT 1)
  FROM spaces AS s WHERE s.workspace_id IS NOT NULL
), picked AS MATERIALIZED (
  SELECT q.workspace_id, q.run_id, q.owner
  FROM spaces AS s CROSS JOIN LATERAL (
    SELECT workspace_id, run_id, owner FROM run_queue
    WHERE workspace_id = s.workspace_id AND due_time <= now()
    ORDER BY due_time LIMIT %(share)s FOR UPDATE SKIP LOCKED
  ) AS q
  WHERE s.workspace_id IS NOT NULL LIMIT %(limit)s
)
UPDATE run_queue AS q
SET due_time = now() + make_interval(secs => %(lease)s), token = nextval('run_tokens'),
    owner = %(owner)s
FROM picked AS p WHERE q.workspace_id = p.workspace_id AND q.run_id = p.run_id
RETURNING q.workspace_id, q.run_id, q.token, p.owner AS previous_owner"""
_HELD = """
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS h (workspace_id, run_id, token)
WHERE q.workspace_id = h.workspace_id AND q.run_id = h.run_id AND q.token = h.token"""
_OURS = "WHERE workspace_id = %s AND run_id = %s AND token = %s"


async def claim_across_workspaces(
    tx: Tx, after: UUID, *, share: int, limit: int, owner: str, lease: float
) -> list[Claim]:
    """Due runs of the workspaces that follow `after`, at most `share` of each."""
    rows = await tx.all(
        _CLAIM,
        {"after": after, "share": share, "limit": limit, "owner": owner, "lease": lease},
    )
    return [Claim(**row) for row in rows]


async def renew_across_workspaces(tx: Tx, claims: Sequence[Claim], lease: float) -> set[int]:
    """Keep what is still ours; the tokens of it."""
    rows = await tx.all(
        f"UPDATE run_queue AS q SET due_time = now() + make_interval(secs => %s) {_HELD}"
        " RETURNING q.token",
        [lease, *_arrays(claims)],
    )
    return {row["token"] for row in rows}


async def give_back_across_workspaces(tx: Tx, claims: Sequence[Claim]) -> None:
    """Let others go on at once. The owner stays, to say that somebody left in the middle."""
    await tx.run(f"UPDATE run_queue AS q SET due_time = now() {_HELD}", _arrays(claims))


async def insert_due(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> None:
    await tx.send(
        "INSERT INTO run_queue (workspace_id, run_id, due_time)"
        " SELECT %s, unnest(%s::uuid[]), now()",
        [workspace_id, list(run_ids)],
    )


async def hold(tx: Tx, workspace_id: UUID, claim: Claim) -> tuple[bool, bool]:
    """Whether the run is still ours, until the commit, and whether it is to be cancelled."""
    row = await tx.maybe(
        f"SELECT cancelling FROM run_queue {_OURS} FOR UPDATE",
        [workspace_id, claim.run_id, claim.token],
    )
    return row is not None, row is not None and bool(row["cancelling"])


async def ask_to_cancel(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    """Have whoever holds the run end it after the step that is under way."""
    await tx.send(
        "UPDATE run_queue SET cancelling = true WHERE workspace_id = %s AND run_id = %s",
        [workspace_id, run_id],
    )


async def defer(tx: Tx, workspace_id: UUID, claim: Claim, seconds: float) -> None:
    """Put the run back, due later."""
    await tx.send(
        f"UPDATE run_queue SET due_time = now() + make_interval(secs => %s), owner = '' {_OURS}",
        [seconds, workspace_id, claim.run_id, claim.token],
    )


async def finish(tx: Tx, workspace_id: UUID, claim: Claim) -> None:
    await tx.send(f"DELETE FROM run_queue {_OURS}", [workspace_id, claim.run_id, claim.token])


async def holder(tx: Tx, workspace_id: UUID, run_id: UUID) -> str | None:
    """Who works on a run: empty for nobody, None when it is not queued. Locks the row."""
    row = await tx.maybe(
        "SELECT owner FROM run_queue WHERE workspace_id = %s AND run_id = %s FOR UPDATE",
        [workspace_id, run_id],
    )
    return None if row is None else str(row["owner"])


async def remove(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    await tx.send(
        "DELETE FROM run_queue WHERE workspace_id = %s AND run_id = %s", [workspace_id, run_id]
    )


def _arrays(claims: Sequence[Claim]) -> list[list[UUID] | list[int]]:
    return [
        [claim.workspace_id for claim in claims],
        [claim.run_id for claim in claims],
        [claim.token for claim in claims],
    ]
