"""Read and write runs, and what they were started by."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Row, Tx
from schema import jsonio
from services.automation.model import Claim, Kind, NewRun, Run, RunQuery, RunState

_RUN = """
r.run_id, r.rule_id, r.rule_name, r.rule_version, r.event_id, r.event_type, r.object, r.record_id,
r.state, r.error, r.trace_id, r.depth, r.create_time, r.start_time, r.finish_time,
r.revision, r.kind, r.epoch, r.output, r.parent_run_id, r.parent_step"""
_INSERT = """
INSERT INTO runs (workspace_id, run_id, rule_id, rule_version, rule_name, event_id, event_type,
  object, record_id, state, error, depth, traceparent, trace_id, revision, kind, priority,
  parent_run_id, parent_step, finish_time)
SELECT %s, n.*, CASE WHEN n.state = 'queued' THEN NULL ELSE now() END
FROM unnest(%s::uuid[], %s::uuid[], %s::int8[], %s::text[], %s::uuid[], %s::text[], %s::text[],
  %s::uuid[], %s::text[], %s::text[], %s::int2[], %s::text[], %s::text[], %s::int8[], %s::text[],
  %s::int2[], %s::uuid[], %s::int[])
  AS n (run_id, rule_id, rule_version, rule_name, event_id, event_type, object, record_id, state,
        error, depth, traceparent, trace_id, revision, kind, priority, parent_run_id, parent_step)
ON CONFLICT (workspace_id, event_id, rule_id, rule_version) DO NOTHING RETURNING run_id"""
_LOAD = f"""
SELECT {_RUN}, q.cancelling, r.traceparent, o.document
FROM run_queue AS q
JOIN unnest(%s::uuid[], %s::bigint[]) AS h (run_id, token)
  ON q.run_id = h.run_id AND q.token = h.token
JOIN runs AS r ON r.workspace_id = q.workspace_id AND r.run_id = q.run_id
JOIN occasions AS o ON o.workspace_id = r.workspace_id AND o.event_id = r.event_id
WHERE q.workspace_id = %s"""


class Loaded(NamedTuple):
    run: Run
    traceparent: str
    cancelling: bool
    occasion: dict[str, Any]


async def insert_runs(tx: Tx, workspace_id: UUID, runs: Sequence[NewRun]) -> set[UUID]:
    """Those that are new: one for each version of a rule and event."""
    rows = await tx.all(
        _INSERT,
        [
            workspace_id,
            [run.id for run in runs],
            [run.rule.id for run in runs],
            [run.rule.version for run in runs],
            [run.rule.name for run in runs],
            [run.event_id for run in runs],
            [run.event_type for run in runs],
            [run.object for run in runs],
            [run.record_id for run in runs],
            [run.state for run in runs],
            [run.error for run in runs],
            [run.depth for run in runs],
            [run.traceparent for run in runs],
            [run.trace_id for run in runs],
            [0 if run.state is RunState.QUEUED else 1 for run in runs],
            [run.rule.kind for run in runs],
            [run.rule.limits.priority for run in runs],
            [run.parent_run_id for run in runs],
            [run.parent_step for run in runs],
        ],
    )
    return {row["run_id"] for row in rows}


async def keep_occasions(
    tx: Tx, workspace_id: UUID, documents: Mapping[UUID, Mapping[str, Any]]
) -> None:
    """What runs were started by, by event."""
    texts = [jsonio.dumps(document).decode() for document in documents.values()]
    await tx.send(
        "INSERT INTO occasions (workspace_id, event_id, document)"
        " SELECT %s, * FROM unnest(%s::uuid[], %s::text[]) ON CONFLICT DO NOTHING",
        [workspace_id, list(documents), texts],
    )


async def load_claimed(tx: Tx, workspace_id: UUID, claims: Sequence[Claim]) -> list[Loaded]:
    """Those that are still ours, with what they were started by."""
    runs, tokens = [c.run_id for c in claims], [c.token for c in claims]
    rows = await tx.all(_LOAD, [runs, tokens, workspace_id])
    return [
        Loaded(
            _run(row),
            row["traceparent"],
            row["cancelling"],
            jsonio.loads_stored(row["document"].encode()),
        )
        for row in rows
    ]


async def finish(tx: Tx, workspace_id: UUID, run_id: UUID, state: RunState, error: str) -> None:
    await tx.send(
        "UPDATE runs SET state = %s, error = %s, finish_time = now(),"
        " revision = revision + 1 WHERE workspace_id = %s AND run_id = %s",
        [state, error, workspace_id, run_id],
    )


async def requeue(tx: Tx, workspace_id: UUID, run_id: UUID, *, epoch: int | None = None) -> None:
    """To be carried out again; in a new epoch, from the beginning."""
    await tx.send(
        "UPDATE runs SET state = 'queued', error = '', output = '', finish_time = NULL,"
        " epoch = coalesce(%s, epoch) WHERE workspace_id = %s AND run_id = %s",
        [epoch, workspace_id, run_id],
    )


async def children(tx: Tx, workspace_id: UUID, run_id: UUID, *, since: int = 0) -> list[UUID]:
    """Runs that this one called, by that step or a later one, and that have not ended."""
    rows = await tx.all(
        "SELECT run_id FROM runs WHERE workspace_id = %s AND parent_run_id = %s"
        " AND parent_step >= %s AND state IN ('queued', 'running', 'waiting') ORDER BY run_id",
        [workspace_id, run_id, since],
    )
    return [row["run_id"] for row in rows]


async def traceparent_of(tx: Tx, workspace_id: UUID, run_id: UUID) -> str:
    sql = "SELECT traceparent FROM runs WHERE workspace_id = %s AND run_id = %s"
    return str(await tx.value(sql, [workspace_id, run_id]) or "")


async def forget(
    tx: Tx,
    workspace_id: UUID,
    days: Mapping[RunState, int],
    limit: int,
    *,
    only: UUID | None = None,
    excluded: Sequence[UUID] = (),
) -> int:
    """Drop runs that ended longer ago than that, with all that belongs to them alone."""
    rows = await tx.all(
        "SELECT r.run_id, r.event_id FROM runs AS r"
        " JOIN unnest(%s::text[], %s::int[]) AS d (state, days) ON r.state = d.state"
        " WHERE r.workspace_id = %s AND r.finish_time < now() - make_interval(days => d.days)"
        " AND (%s::uuid IS NULL OR r.rule_id = %s) AND r.rule_id <> ALL (%s::uuid[])"
        " ORDER BY r.finish_time LIMIT %s",
        [list(days), list(days.values()), workspace_id, only, only, list(excluded), limit],
    )
    gone = [row["run_id"] for row in rows]
    if not gone:
        return 0
    for table in (
        "attempts",
        "steps",
        "run_history",
        "waits",
        "flow_backlog",
        "debounces",
        "runs",
    ):
        await tx.send(
            f"DELETE FROM {table} WHERE workspace_id = %s AND run_id = ANY(%s)",
            [workspace_id, gone],
        )
    await tx.send(
        "DELETE FROM occasions AS o WHERE o.workspace_id = %s AND o.event_id = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM runs AS r WHERE r.workspace_id = o.workspace_id"
        " AND r.event_id = o.event_id)",
        [workspace_id, [row["event_id"] for row in rows]],
    )
    return len(gone)


async def find_run(tx: Tx, workspace_id: UUID, run_id: UUID, *, lock: bool = False) -> Run | None:
    row = await tx.maybe(
        f"SELECT {_RUN} FROM runs AS r WHERE r.workspace_id = %s AND r.run_id = %s"
        f" {'FOR UPDATE' if lock else ''}",
        [workspace_id, run_id],
    )
    return None if row is None else _run(row)


async def occasion_of(tx: Tx, workspace_id: UUID, event_id: UUID) -> dict[str, Any]:
    sql = "SELECT document FROM occasions WHERE workspace_id = %s AND event_id = %s"
    found: dict[str, Any] = jsonio.loads_stored(
        (await tx.value(sql, [workspace_id, event_id])).encode()
    )
    return found


async def list_runs(
    tx: Tx, workspace_id: UUID, query: RunQuery, before: UUID | None, limit: int
) -> list[Run]:
    """Newest first."""
    wanted: dict[str, Any] = {
        "rule_id": query.rule_id,
        "record_id": query.record_id,
        "event_id": query.event_id,
        "state": query.state,
        "parent_run_id": query.parent_run_id,
    }
    chosen = {name: value for name, value in wanted.items() if value is not None}
    conditions = "".join(f" AND r.{name} = %({name})s" for name in chosen)
    if before is not None:
        conditions += " AND r.run_id < %(before)s"
    if query.from_time is not None:
        conditions += " AND r.create_time >= %(from_time)s"
    if query.to_time is not None:
        conditions += " AND r.create_time < %(to_time)s"
    if query.error:
        conditions += " AND r.error ILIKE '%%' || %(error)s || '%%'"
    more: dict[str, Any] = {"from_time": query.from_time, "to_time": query.to_time}
    more["error"] = re.sub(r"([\\%_])", r"\\\1", query.error)
    rows = await tx.all(
        f"SELECT {_RUN} FROM runs AS r WHERE r.workspace_id = %(workspace_id)s{conditions}"
        " ORDER BY r.run_id DESC LIMIT %(limit)s",
        {**chosen, **more, "workspace_id": workspace_id, "before": before, "limit": limit},
    )
    return [_run(row) for row in rows]


def _run(row: Row) -> Run:
    return Run(
        id=row["run_id"],
        rule_id=row["rule_id"],
        rule_name=row["rule_name"],
        rule_version=row["rule_version"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        object=row["object"],
        record_id=row["record_id"],
        state=RunState(row["state"]),
        error=row["error"],
        trace_id=row["trace_id"],
        depth=row["depth"],
        create_time=row["create_time"],
        start_time=row["start_time"],
        finish_time=row["finish_time"],
        revision=row["revision"],
        kind=Kind(row["kind"]),
        epoch=row["epoch"],
        output=row["output"],
        parent_run_id=row["parent_run_id"],
        parent_step=row["parent_step"],
    )
