"""Keep field jobs: their plan and progress, the records that offend, what writers owe them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from kit.db import Row, Tx
from schema import jsonio
from schema.field_changes import FieldChange
from services.records.model import FieldJob, FieldJobState, Offender, Stored
from services.records.store import index
from services.records.store.records import stored

_COLUMNS = (
    "job_id, object_id, field_id, kind, plan::text AS plan, dry_run, state, after_time, after_id,"
    " checked, changed, told, problems, failure, created_by, create_time, update_time, finish_time"
)
_RECORD = (
    "record_id, object_id, doc::text AS doc, version, position, create_time, update_time,"
    " delete_time, created_by, updated_by"
)
_INSERT = """
INSERT INTO field_jobs (workspace_id, job_id, object_id, field_id, kind, plan, dry_run, state,
  checked, changed, problems, failure, created_by)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'queued', 0, 0, 0, '', %s) ON CONFLICT DO NOTHING"""
_GET = f"SELECT {_COLUMNS} FROM field_jobs WHERE workspace_id = %s AND job_id = %s"
_LIST = f"""
SELECT {_COLUMNS} FROM field_jobs
WHERE workspace_id = %(workspace)s AND (%(after)s::uuid IS NULL OR job_id < %(after)s)
ORDER BY job_id DESC LIMIT %(limit)s"""
_ADVANCE = """
UPDATE field_jobs SET after_time = %s, after_id = %s, checked = checked + %s,
  changed = changed + %s, update_time = now()
WHERE workspace_id = %s AND job_id = %s"""
_TELL = "UPDATE field_jobs SET told = told + %s WHERE workspace_id = %s AND job_id = %s"
_REWIND = """
UPDATE field_jobs SET checked = 0, after_time = NULL, after_id = NULL
WHERE workspace_id = %s AND job_id = %s"""
_MOVE = f"""
UPDATE field_jobs SET state = %(state)s, failure = coalesce(%(failure)s, failure),
  problems = coalesce(%(problems)s, problems), after_time = NULL, after_id = NULL,
  update_time = now(), finish_time = CASE WHEN %(ended)s THEN now() ELSE finish_time END
WHERE workspace_id = %(workspace)s AND job_id = %(job)s AND state = ANY(%(before)s)
RETURNING {_COLUMNS}"""
_SET_DUTY = """
INSERT INTO field_duties (workspace_id, object_id, job_id, strict) VALUES (%s, %s, %s, %s)
ON CONFLICT (workspace_id, object_id, job_id) DO UPDATE SET strict = excluded.strict"""
_LIMIT_DUTY = """
UPDATE field_duties SET until_version = %s
WHERE workspace_id = %s AND object_id = %s AND job_id = %s"""
_DROP_DUTY = "DELETE FROM field_duties WHERE workspace_id = %s AND object_id = %s AND job_id = %s"
_BATCH = """
SELECT record_id, create_time FROM records
WHERE workspace_id = %(workspace)s AND object_id = %(object)s
  AND (create_time, record_id) > (coalesce(%(time)s::timestamptz, '-infinity'),
    coalesce(%(id)s::uuid, '00000000-0000-0000-0000-000000000000'))
ORDER BY create_time, record_id LIMIT %(limit)s"""
_LOCKED = f"""
SELECT {_RECORD} FROM records
WHERE workspace_id = %s AND object_id = %s AND record_id = ANY(%s)
ORDER BY record_id FOR UPDATE"""
_RESHAPE = """
UPDATE records AS r SET doc = t.doc, folds = t.folds
FROM jsonb_to_recordset(%s::jsonb) AS t (id uuid, doc jsonb, folds jsonb)
WHERE r.workspace_id = %s AND r.record_id = t.id"""
_DROP_KEY = """
UPDATE records SET doc = doc - %s WHERE workspace_id = %s AND record_id = ANY(%s)"""
_NOTE = """
INSERT INTO field_job_problems (workspace_id, job_id, record_id, code, message)
SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])
ON CONFLICT (workspace_id, job_id, record_id)
DO UPDATE SET code = excluded.code, message = excluded.message"""
_CLEAR = """
DELETE FROM field_job_problems
WHERE workspace_id = %s AND job_id = ANY(%s) AND record_id = ANY(%s)"""
_COUNT = "SELECT count(*) FROM field_job_problems WHERE workspace_id = %s AND job_id = %s"
_PROBLEMS = """
SELECT record_id, code, message FROM field_job_problems
WHERE workspace_id = %s AND job_id = %s
  AND record_id > coalesce(%s::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY record_id LIMIT %s"""
_TRIM = """
DELETE FROM field_job_problems WHERE workspace_id = %(workspace)s AND job_id = %(job)s
  AND record_id > (SELECT record_id FROM field_job_problems
    WHERE workspace_id = %(workspace)s AND job_id = %(job)s
    ORDER BY record_id OFFSET %(kept)s - 1 LIMIT 1)"""
_SCHEDULE = """
INSERT INTO field_job_queue (workspace_id, job_id, due_time)
VALUES (%s, %s, now() + make_interval(secs => %s))
ON CONFLICT (workspace_id, job_id) DO UPDATE SET due_time = excluded.due_time, holder = NULL"""
_UNSCHEDULE = "DELETE FROM field_job_queue WHERE workspace_id = %s AND job_id = %s"
_CLAIM = """
UPDATE field_job_queue AS j SET due_time = now() + make_interval(secs => %s), holder = %s
FROM (SELECT workspace_id, job_id FROM field_job_queue WHERE due_time <= now()
      ORDER BY due_time LIMIT 1 FOR UPDATE SKIP LOCKED) AS q
WHERE j.workspace_id = q.workspace_id AND j.job_id = q.job_id
RETURNING j.workspace_id, j.job_id"""
_RENEW = """
UPDATE field_job_queue SET due_time = now() + make_interval(secs => %s)
WHERE workspace_id = %s AND job_id = %s AND holder = %s"""
_FREE = """
DELETE FROM {table} WHERE workspace_id = %(workspace)s AND {column} = ANY(%(ids)s)
  AND ctid = ANY(ARRAY(SELECT ctid FROM {table}
    WHERE workspace_id = %(workspace)s AND {column} = ANY(%(ids)s) LIMIT %(limit)s))"""
_STATISTICS = """
SELECT stat_id FROM stat_states WHERE workspace_id = %s AND object_id = %s
  AND %s = ANY(string_to_array(measures, ','))"""
_DROP_STATISTICS = tuple(
    f"DELETE FROM {table} WHERE workspace_id = %s AND stat_id = ANY(%s)"
    for table in ("stat_states", "group_stats", "group_stat_deltas")
)
_PIECE = 5000


class Note(NamedTuple):
    """A record that a job can't do, so far."""

    job_id: UUID
    record_id: UUID
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Duty:
    """What writers of an object owe to a job while both definitions of a field are kept."""

    job_id: UUID
    strict: bool  # what does not fit the new definition is refused; else only noted
    until_version: int | None  # of the definitions: those know the new field themselves
    change: FieldChange


async def note(tx: Tx, workspace_id: UUID, notes: Sequence[Note]) -> None:
    if notes:
        columns = [list(column) for column in zip(*sorted(notes), strict=True)]
        await tx.send(_NOTE, [workspace_id, *columns])


async def clear(
    tx: Tx, workspace_id: UUID, jobs: Iterable[UUID], record_ids: Iterable[UUID]
) -> None:
    await tx.send(_CLEAR, [workspace_id, sorted(jobs), sorted(record_ids)])


# --- jobs ---


def _job(row: Row) -> FieldJob:
    names = (
        *("object_id", "field_id", "kind", "dry_run", "after_time", "after_id", "checked"),
        *("changed", "told", "problems", "failure", "created_by", "create_time", "update_time"),
    )
    return FieldJob(
        id=row["job_id"],
        plan=row["plan"],
        state=FieldJobState(row["state"]),
        finish_time=row["finish_time"],
        **{name: row[name] for name in names},
    )


async def create(
    tx: Tx,
    workspace_id: UUID,
    job_id: UUID,
    object_id: UUID,
    field_id: UUID | None,
    kind: str,
    plan: Mapping[str, Any],
    actor: Mapping[str, str],
    *,
    dry_run: bool,
    delay: float = 0.0,
) -> None:
    """Queue a job, to begin after so many seconds; nothing happens where it is known already."""
    document, shown = jsonio.dumps(plan).decode(), jsonio.dumps(dict(actor)).decode()
    values = [workspace_id, job_id, object_id, field_id, kind, document, dry_run, shown]
    await tx.send(_INSERT, values)
    await schedule(tx, workspace_id, job_id, delay)


async def get(tx: Tx, workspace_id: UUID, job_id: UUID, *, lock: bool = False) -> FieldJob | None:
    """The job; locked, nobody else moves it until commit."""
    row = await tx.maybe(_GET + (" FOR UPDATE" if lock else ""), [workspace_id, job_id])
    return _job(row) if row else None


async def page(tx: Tx, workspace_id: UUID, after: UUID | None, limit: int) -> list[FieldJob]:
    """Newest first."""
    params = {"workspace": workspace_id, "after": after, "limit": limit}
    return [_job(row) for row in await tx.all(_LIST, params)]


async def advance(
    tx: Tx,
    workspace_id: UUID,
    job_id: UUID,
    place: tuple[datetime | None, UUID],
    checked: int,
    changed: int,
) -> None:
    """The job has come so far."""
    await tx.send(_ADVANCE, [*place, checked, changed, workspace_id, job_id])


async def tell(tx: Tx, workspace_id: UUID, job_id: UUID, events: int) -> None:
    """The job has told of so many more changes of records."""
    await tx.send(_TELL, [events, workspace_id, job_id])


async def rewind(tx: Tx, workspace_id: UUID, job_id: UUID) -> None:
    """The job begins at its first record again."""
    await tx.send(_REWIND, [workspace_id, job_id])


async def move(
    tx: Tx,
    workspace_id: UUID,
    job_id: UUID,
    before: Sequence[FieldJobState],
    state: FieldJobState,
    *,
    failure: str | None = None,
    problems: int | None = None,
    ended: bool = False,
) -> FieldJob | None:
    """The job in its new state, at the beginning of its records; None when it was in none of
    `before`."""
    params = {
        "workspace": workspace_id,
        "job": job_id,
        "before": [str(s) for s in before],
        "state": state,
        "failure": failure,
        "problems": problems,
        "ended": ended,
    }
    row = await tx.maybe(_MOVE, params)
    return _job(row) if row else None


async def set_duty(
    tx: Tx, workspace_id: UUID, object_id: UUID, job_id: UUID, *, strict: bool
) -> None:
    """Under the object's lock: from now on every writer owes this."""
    await tx.send(_SET_DUTY, [workspace_id, object_id, job_id, strict])


async def limit_duty(
    tx: Tx, workspace_id: UUID, object_id: UUID, job_id: UUID, until_version: int
) -> None:
    """Writers with definitions of that version or later owe nothing more."""
    await tx.send(_LIMIT_DUTY, [until_version, workspace_id, object_id, job_id])


async def drop_duty(tx: Tx, workspace_id: UUID, object_id: UUID, job_id: UUID) -> None:
    await tx.send(_DROP_DUTY, [workspace_id, object_id, job_id])


# --- records ---


async def next_records(
    tx: Tx,
    workspace_id: UUID,
    object_id: UUID,
    after: tuple[datetime | None, UUID | None],
    limit: int,
) -> list[tuple[UUID, datetime]]:
    """The records behind a place, deleted ones included, in the order of their creation."""
    params = {
        "workspace": workspace_id,
        "object": object_id,
        "time": after[0],
        "id": after[1],
        "limit": limit,
    }
    return [(r["record_id"], r["create_time"]) for r in await tx.all(_BATCH, params)]


async def locked(tx: Tx, workspace_id: UUID, object_id: UUID, ids: Sequence[UUID]) -> list[Stored]:
    """Those records, deleted ones included, until commit nobody else's to change."""
    rows = await tx.all(_LOCKED, [workspace_id, object_id, sorted(ids)])
    return [stored(row) for row in rows]


async def reshape(
    tx: Tx,
    workspace_id: UUID,
    rows: Sequence[tuple[UUID, Mapping[str, Any], Mapping[str, str] | None]],
) -> None:
    """Rewrite documents in a way that nobody sees: no version, no time of change."""
    if rows:
        documents = [{"id": str(i), "doc": doc, "folds": folds} for i, doc, folds in rows]
        await tx.send(_RESHAPE, [jsonio.dumps(documents).decode(), workspace_id])


async def drop_key(tx: Tx, workspace_id: UUID, ids: Sequence[UUID], key: str) -> None:
    """Take a key out of documents, unseen."""
    if ids:
        await tx.send(_DROP_KEY, [key, workspace_id, list(ids)])


async def free_slots(tx: Tx, workspace_id: UUID, slots: Sequence[UUID]) -> bool:
    """Take some thousand entries of these slots out of the indexes; whether there may be more."""
    gone = 0
    for table, _ in index.TABLES.values():
        gone += await _free(tx, workspace_id, table, "slot", slots)
    return gone > 0


async def free_constraints(tx: Tx, workspace_id: UUID, constraints: Sequence[UUID]) -> bool:
    """Give up some thousand unique values; whether there may be more."""
    gone = 0
    for table in ("value_unique", "value_freed"):
        gone += await _free(tx, workspace_id, table, "constraint_id", constraints)
    return gone > 0


async def _free(tx: Tx, workspace_id: UUID, table: str, column: str, ids: Sequence[UUID]) -> int:
    params = {"workspace": workspace_id, "ids": list(ids), "limit": _PIECE}
    return await tx.run(_FREE.format(table=table, column=column), params)


async def drop_statistics(tx: Tx, workspace_id: UUID, object_id: UUID, field_id: str) -> None:
    """Forget, under the object's lock, what was figured of a field's old values."""
    rows = await tx.all(_STATISTICS, [workspace_id, object_id, field_id])
    if found := [row["stat_id"] for row in rows]:
        for statement in _DROP_STATISTICS:
            await tx.run(statement, [workspace_id, found])


# --- offenders ---


async def count_problems(tx: Tx, workspace_id: UUID, job_id: UUID) -> int:
    return int(await tx.value(_COUNT, [workspace_id, job_id]))


async def problems(
    tx: Tx, workspace_id: UUID, job_id: UUID, after: UUID | None, limit: int
) -> list[Offender]:
    rows = await tx.all(_PROBLEMS, [workspace_id, job_id, after, limit])
    return [Offender(r["record_id"], r["code"], r["message"]) for r in rows]


async def trim_problems(tx: Tx, workspace_id: UUID, job_id: UUID, kept: int) -> None:
    """Keep the first of them."""
    await tx.run(_TRIM, {"workspace": workspace_id, "job": job_id, "kept": kept})


# --- the queue ---


async def schedule(tx: Tx, workspace_id: UUID, job_id: UUID, seconds: float) -> None:
    """Have a worker look at it then."""
    await tx.send(_SCHEDULE, [workspace_id, job_id, seconds])


async def unschedule(tx: Tx, workspace_id: UUID, job_id: UUID) -> None:
    await tx.send(_UNSCHEDULE, [workspace_id, job_id])


async def claim(tx: Tx, holder: UUID, seconds: float) -> tuple[UUID, UUID] | None:
    """(workspace, job) of one that is due; nobody else's for so long."""
    row = await tx.maybe(_CLAIM, [seconds, holder])
    return (row["workspace_id"], row["job_id"]) if row else None


async def renew(tx: Tx, workspace_id: UUID, job_id: UUID, holder: UUID, seconds: float) -> bool:
    """Whether it is still ours."""
    return await tx.run(_RENEW, [seconds, workspace_id, job_id, holder]) > 0
