"""Read and write runs, and what they were started by."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
from schema import jsonio
from services.automation.model import Claim, Job, NewRun, Run, RunQuery, RunState
from services.automation.store.rules import definition_of
from services.automation.store.steps import list_steps

_RUN = """
r.run_id, r.rule_id, r.rule_name, r.rule_version, r.event_id, r.event_type, r.object, r.record_id,
r.state, r.error, r.trace_id, r.depth, r.create_time, r.start_time, r.finish_time,
r.revision"""
_INSERT = """
INSERT INTO runs (workspace_id, run_id, rule_id, rule_version, rule_name, event_id, event_type,
  object, record_id, state, error, depth, traceparent, trace_id, revision, finish_time)
SELECT %s, n.*, CASE WHEN n.state = 'queued' THEN NULL ELSE now() END
FROM unnest(%s::uuid[], %s::uuid[], %s::int8[], %s::text[], %s::uuid[], %s::text[], %s::text[],
  %s::uuid[], %s::text[], %s::text[], %s::int2[], %s::text[], %s::text[], %s::int8[])
  AS n (run_id, rule_id, rule_version, rule_name, event_id, event_type, object, record_id, state,
        error, depth, traceparent, trace_id, revision)
ON CONFLICT (workspace_id, event_id, rule_id, rule_version) DO NOTHING RETURNING run_id"""
_LOAD = f"""
SELECT {_RUN}, q.cancelling, r.traceparent, v.owner_id, v.definition, u.webhook_secret, o.document
FROM run_queue AS q
JOIN runs AS r USING (workspace_id, run_id)
JOIN rule_versions AS v ON v.workspace_id = r.workspace_id AND v.rule_id = r.rule_id
  AND v.version = r.rule_version
JOIN rules AS u ON u.workspace_id = r.workspace_id AND u.rule_id = r.rule_id
JOIN occasions AS o ON o.workspace_id = r.workspace_id AND o.event_id = r.event_id
WHERE q.workspace_id = %s AND q.run_id = %s AND q.token = %s
FOR UPDATE OF q"""


async def insert_runs(tx: Tx, workspace_id: UUID, runs: Sequence[NewRun]) -> set[UUID]:
    """Those that are new: one for each version of a rule and event."""
    rows = await tx.all(
        _INSERT,
        [
            workspace_id,
            [run.id for run in runs],
            [run.rule.id for run in runs],
            [run.rule.version for run in runs],
            [run.rule.definition.name for run in runs],
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


async def load_claimed(tx: Tx, workspace_id: UUID, claim: Claim) -> "tuple[Job, bytes] | None":
    """The run with all it needs, and the sealed secret of its webhooks; None when the claim is no
    longer ours. Nobody can take it until the commit."""
    row = await tx.maybe(_LOAD, [workspace_id, claim.run_id, claim.token])
    if row is None:
        return None
    steps = await list_steps(tx, workspace_id, claim.run_id)
    definition = definition_of(row["definition"])
    job = Job(
        run=_run(row),
        owner_id=row["owner_id"],
        traceparent=row["traceparent"],
        actions=definition.actions,
        webhook_secret="",
        cancelling=row["cancelling"],
        occasion=jsonio.loads_stored(row["document"].encode()),
        steps=steps,
    )
    return job, bytes(row["webhook_secret"])


async def finish(tx: Tx, workspace_id: UUID, run_id: UUID, state: RunState, error: str) -> None:
    await tx.send(
        "UPDATE runs SET state = %s, error = %s, finish_time = now(),"
        " revision = revision + 1 WHERE workspace_id = %s AND run_id = %s",
        [state, error, workspace_id, run_id],
    )


async def requeue(tx: Tx, workspace_id: UUID, run_id: UUID) -> None:
    await tx.send(
        "UPDATE runs SET state = 'queued', error = '', finish_time = NULL"
        " WHERE workspace_id = %s AND run_id = %s",
        [workspace_id, run_id],
    )


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
    wanted = {
        "rule_id": query.rule_id,
        "record_id": query.record_id,
        "event_id": query.event_id,
        "state": query.state,
    }
    chosen = {name: value for name, value in wanted.items() if value is not None}
    conditions = "".join(f" AND r.{name} = %({name})s" for name in chosen)
    if before is not None:
        conditions += " AND r.run_id < %(before)s"
    rows = await tx.all(
        f"SELECT {_RUN} FROM runs AS r WHERE r.workspace_id = %(workspace_id)s{conditions}"
        " ORDER BY r.run_id DESC LIMIT %(limit)s",
        {**chosen, "workspace_id": workspace_id, "before": before, "limit": limit},
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
    )
