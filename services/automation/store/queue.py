"""Hand runs to workers: leases, fencing tokens, and a turn for every workspace.

A row may be claimed once its `due_time` has come. A claim moves `due_time` to the end of the lease
and draws a new token, so a run whose worker has died is simply due again, and what the old holder
still commits finds another token and is refused. Who makes a run and has a place for it holds it
from the beginning, under a token below zero, which no claim draws.

Priority is a head start: what is queued now with a higher one stands before what was queued with
a lower one a little earlier, and so nothing starves.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from kit.db import Tx
from services.automation.model import Claim

# Seconds that low, normal and high are ahead. Not more between the first two: what is tried again,
# or was left by a worker that died, comes with no head start.
AHEAD = (0, 20, 620)
HEAD_START = AHEAD[1]

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
  FROM (
    SELECT workspace_id, least(%(share)s, coalesce((
      SELECT h.room FROM unnest(%(held)s::uuid[], %(rooms)s::int[]) AS h (workspace_id, room)
      WHERE h.workspace_id = spaces.workspace_id), %(room)s)) AS room
    FROM spaces
  ) AS s
  CROSS JOIN LATERAL (
    SELECT workspace_id, run_id, owner FROM run_queue
    WHERE workspace_id = s.workspace_id AND due_time <= now()
    ORDER BY due_time LIMIT s.room FOR UPDATE SKIP LOCKED
  ) AS q
  LIMIT %(limit)s
)
UPDATE run_queue AS q
SET due_time = now() + make_interval(secs => %(lease)s), token = nextval('run_tokens'),
    owner = %(owner)s
FROM picked AS p WHERE q.workspace_id = p.workspace_id AND q.run_id = p.run_id
RETURNING q.workspace_id, q.run_id, q.token, p.owner AS previous_owner"""
_DUE = """
SELECT count(*) AS due FROM (SELECT 1 FROM run_queue WHERE due_time <= now() LIMIT 10000) AS q"""
_HELD = """
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS h (workspace_id, run_id, token)
WHERE q.workspace_id = h.workspace_id AND q.run_id = h.run_id AND q.token = h.token"""
_WAKE = """
INSERT INTO run_queue AS q (workspace_id, run_id, due_time)
SELECT %s, n.run_id, now() - make_interval(secs => %s) FROM unnest(%s::uuid[]) AS n (run_id)
ON CONFLICT (workspace_id, run_id) DO UPDATE SET signalled = true,
  due_time = CASE WHEN q.owner = '' THEN least(q.due_time, excluded.due_time) ELSE q.due_time END"""


async def claim_across_workspaces(
    tx: Tx,
    after: UUID,
    *,
    share: int,
    limit: int,
    owner: str,
    lease: float,
    room: int,
    rooms: Mapping[UUID, int],
) -> list[Claim]:
    """Due runs of the workspaces that follow `after`: at most `share` of each, and at most as many
    as it has room for, which is `room` unless `rooms` say otherwise."""
    given = {"after": after, "share": share, "limit": limit, "owner": owner, "lease": lease}
    present = {"room": room, "held": list(rooms), "rooms": list(rooms.values())}
    rows = await tx.all(_CLAIM, {**given, **present})
    return [Claim(**row) for row in rows]


async def due_across_workspaces(tx: Tx) -> int:
    """How many runs are due and held by nobody, 10,000 at most."""
    return int(await tx.value(_DUE))


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


async def leave_across_workspaces(tx: Tx, owner: str) -> None:
    """The same with all that somebody holds."""
    sql = "UPDATE run_queue SET due_time = now() WHERE owner = %s AND due_time > now()"
    await tx.run(sql, [owner])


async def insert_due(
    tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID], *, priority: int = 1, seconds: float = 0
) -> None:
    """Have somebody carry them out: now, or so much later."""
    ahead = seconds if seconds > 0 else -AHEAD[priority]
    await tx.send(
        "INSERT INTO run_queue (workspace_id, run_id, due_time)"
        " SELECT %s, unnest(%s::uuid[]), now() + make_interval(secs => %s)",
        [workspace_id, list(run_ids), ahead],
    )


async def insert_held(tx: Tx, claims: Sequence[Claim], owner: str, lease: float) -> None:
    """Queue runs that somebody holds from the beginning, under tokens of his own."""
    await tx.send(
        "INSERT INTO run_queue (workspace_id, run_id, token, due_time, owner)"
        " SELECT n.*, now() + make_interval(secs => %s), %s"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS n",
        [lease, owner, *_arrays(claims)],
    )


async def wake(tx: Tx, workspace_id: UUID, run_ids: Sequence[UUID]) -> None:
    """Have sleeping runs go on, and tell whoever holds one that something it waits for is there."""
    await tx.send(_WAKE, [workspace_id, HEAD_START, sorted(run_ids)])


async def ask_to_cancel(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    """Have whoever holds the run end it after the step that is under way."""
    await tx.send(
        "UPDATE run_queue SET cancelling = true WHERE workspace_id = %s AND run_id = %s",
        [workspace_id, run_id],
    )


async def keep_on(tx: Tx, workspace_id: UUID, run_id: UUID) -> bool:
    """Take back that a run is to be ended; whether it was to be, and has not been."""
    return bool(
        await tx.run(
            "UPDATE run_queue SET cancelling = false"
            " WHERE workspace_id = %s AND run_id = %s AND cancelling",
            [workspace_id, run_id],
        )
    )


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
