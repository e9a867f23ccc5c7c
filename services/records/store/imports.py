"""Keep imports: their state, their rows in blocks, what was refused, what waits for a worker."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import msgspec

from kit.db import Row, Tx
from schema.problems import Problem
from services.records.model import (
    Import,
    ImportCounts,
    ImportMode,
    ImportOptions,
    ImportState,
    Layout,
    RowError,
)

_COUNTS = (
    *("rows", "processed", "created", "updated", "unchanged", "restored", "failed"),
    *("undone", "undo_skipped"),
)
_COLUMNS = (
    "import_id, object_id, options, layout, state, received_bytes, lines, blocks, failure,"
    f" principal_id, created_by, create_time, update_time, finish_time, {', '.join(_COUNTS)}"
)
_INSERT = f"""
INSERT INTO imports (workspace_id, import_id, object_id, options, state, tail, blocks,
  received_bytes, lines, {", ".join(_COUNTS)}, failure, principal_id, created_by)
VALUES (%(workspace)s, %(id)s, %(object)s, %(options)s, 'receiving', '', 0, 0, 0,
  {", ".join("0" for _ in _COUNTS)}, '', %(principal)s, %(actor)s)
RETURNING {_COLUMNS}"""
_OPEN = """
SELECT count(*) FROM imports WHERE workspace_id = %s AND state IN ('receiving', 'running')"""
_GET = f"SELECT {_COLUMNS} FROM imports WHERE workspace_id = %s AND import_id = %s"
_LIST = f"""
SELECT {_COLUMNS} FROM imports
WHERE workspace_id = %(workspace)s AND (%(after)s::uuid IS NULL OR import_id < %(after)s)
  AND (%(principal)s::text IS NULL OR principal_id = %(principal)s)
ORDER BY import_id DESC LIMIT %(limit)s"""
_LOCK = f"""
SELECT {_COLUMNS}, tail FROM imports WHERE workspace_id = %s AND import_id = %s FOR UPDATE"""
_RECEIVED = """
UPDATE imports SET tail = %(tail)s, layout = %(layout)s, blocks = blocks + %(blocks)s,
  received_bytes = received_bytes + %(bytes)s, lines = lines + %(lines)s, rows = rows + %(rows)s,
  update_time = now()
WHERE workspace_id = %(workspace)s AND import_id = %(id)s"""
_ADD_BLOCK = """
INSERT INTO import_blocks (workspace_id, import_id, block, content) VALUES (%s, %s, %s, %s)"""
_PENDING = """
SELECT block FROM import_blocks
WHERE workspace_id = %s AND import_id = %s AND block > %s AND content IS NOT NULL
ORDER BY block LIMIT %s"""
_TAKE_BLOCK = """
SELECT content FROM import_blocks
WHERE workspace_id = %s AND import_id = %s AND block = %s AND content IS NOT NULL FOR UPDATE"""
_BLOCK_DONE = """
UPDATE import_blocks SET content = NULL, effects = %s
WHERE workspace_id = %s AND import_id = %s AND block = %s"""
_WRITTEN = """
SELECT block FROM import_blocks
WHERE workspace_id = %s AND import_id = %s AND block < %s AND effects IS NOT NULL
ORDER BY block DESC LIMIT %s"""
_TAKE_WRITTEN = """
SELECT effects FROM import_blocks
WHERE workspace_id = %s AND import_id = %s AND block = %s AND effects IS NOT NULL FOR UPDATE"""
_BLOCK_UNDONE = """
UPDATE import_blocks SET effects = NULL, undone = %s
WHERE workspace_id = %s AND import_id = %s AND block = %s"""
_UNDONE = """
SELECT undone FROM import_blocks
WHERE workspace_id = %s AND import_id = %s AND undone IS NOT NULL ORDER BY block DESC"""
_COUNT = f"""
UPDATE imports SET {", ".join(f"{name} = {name} + %({name})s" for name in _COUNTS)},
  update_time = now()
WHERE workspace_id = %(workspace)s AND import_id = %(id)s AND state = %(state)s
RETURNING 1 AS one"""
_MOVE = f"""
UPDATE imports SET state = %(state)s, failure = %(failure)s, update_time = now(),
  finish_time = CASE WHEN %(ended)s THEN now() ELSE finish_time END
WHERE workspace_id = %(workspace)s AND import_id = %(id)s AND state = ANY(%(before)s)
RETURNING {_COLUMNS}"""
_ADD_ERRORS = """
INSERT INTO import_errors (workspace_id, import_id, line, phase, problems)
SELECT %s, %s, * FROM unnest(%s::int8[], %s::text[], %s::jsonb[]) ON CONFLICT DO NOTHING"""
_ERRORS = """
SELECT line, phase, problems FROM import_errors
WHERE workspace_id = %s AND import_id = %s AND (line, phase) > (%s, %s)
ORDER BY line, phase LIMIT %s"""
_FORGET = "DELETE FROM import_blocks WHERE workspace_id = %s AND import_id = %s"
_SCHEDULE = """
INSERT INTO import_jobs (workspace_id, import_id, due_time)
VALUES (%s, %s, now() + make_interval(secs => %s))
ON CONFLICT (workspace_id, import_id) DO UPDATE SET due_time = excluded.due_time, holder = NULL"""
_UNSCHEDULE = "DELETE FROM import_jobs WHERE workspace_id = %s AND import_id = %s"
_CLAIM = """
UPDATE import_jobs AS j SET due_time = now() + make_interval(secs => %s), holder = %s
FROM (SELECT workspace_id, import_id FROM import_jobs WHERE due_time <= now()
      ORDER BY due_time LIMIT 1 FOR UPDATE SKIP LOCKED) AS q
WHERE j.workspace_id = q.workspace_id AND j.import_id = q.import_id
RETURNING j.workspace_id, j.import_id"""
_RENEW = """
UPDATE import_jobs SET due_time = now() + make_interval(secs => %s)
WHERE workspace_id = %s AND import_id = %s AND holder = %s"""
_TAKEN = """
SELECT record_id FROM records WHERE workspace_id = %s AND record_id = ANY(%s)"""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _import(row: Row) -> Import:
    options, layout = row["options"], row["layout"]
    return Import(
        id=row["import_id"],
        object_id=row["object_id"],
        options=ImportOptions(
            **options | {"match": tuple(options["match"]), "mode": ImportMode(options["mode"])}
        ),
        layout=Layout(layout["delimiter"], tuple(layout["headers"])) if layout else None,
        state=ImportState(row["state"]),
        counts=ImportCounts(**{name: row[name] for name in _COUNTS}),
        **{
            name: row[name]
            for name in (
                *("received_bytes", "lines", "blocks", "failure", "principal_id", "created_by"),
                *("create_time", "update_time", "finish_time"),
            )
        },
    )


async def create(
    tx: Tx,
    workspace_id: UUID,
    import_id: UUID,
    object_id: UUID,
    options: ImportOptions,
    principal_id: str,
    actor: dict[str, str],
) -> Import:
    row = await tx.one(
        _INSERT,
        {
            "workspace": workspace_id,
            "id": import_id,
            "object": object_id,
            "options": _json(asdict(options)),
            "principal": principal_id,
            "actor": _json(actor),
        },
    )
    return _import(row)


async def count_open(tx: Tx, workspace_id: UUID) -> int:
    return int(await tx.value(_OPEN, [workspace_id]))


async def get(tx: Tx, workspace_id: UUID, import_id: UUID) -> Import | None:
    row = await tx.maybe(_GET, [workspace_id, import_id])
    return _import(row) if row else None


async def page(
    tx: Tx, workspace_id: UUID, principal_id: str | None, after: UUID | None, limit: int
) -> list[Import]:
    """Newest first; of one principal, or of all."""
    params = {
        "workspace": workspace_id,
        "principal": principal_id,
        "after": after,
        "limit": limit,
    }
    return [_import(row) for row in await tx.all(_LIST, params)]


async def lock(tx: Tx, workspace_id: UUID, import_id: UUID) -> tuple[Import, bytes] | None:
    """The import, until commit nobody else's to move, and its bytes that are no whole row yet."""
    row = await tx.maybe(_LOCK, [workspace_id, import_id])
    return (_import(row), bytes(row["tail"])) if row else None


async def received(
    tx: Tx,
    workspace_id: UUID,
    found: Import,
    blocks: Sequence[bytes],
    *,
    size: int,
    lines: int,
    rows: int,
    tail: bytes,
    layout: Layout | None,
) -> None:
    """Stage rows, and say how far the content has come."""
    for number, block in enumerate(blocks, found.blocks):
        await tx.send(_ADD_BLOCK, [workspace_id, found.id, number, block])
    await tx.send(
        _RECEIVED,
        {
            "workspace": workspace_id,
            "id": found.id,
            "tail": tail,
            "layout": _json(asdict(layout)) if layout is not None else None,
            "blocks": len(blocks),
            "bytes": size,
            "lines": lines,
            "rows": rows,
        },
    )


async def pending(tx: Tx, workspace_id: UUID, import_id: UUID, after: int, limit: int) -> list[int]:
    """The next blocks that are not worked off yet."""
    rows = await tx.all(_PENDING, [workspace_id, import_id, after, limit])
    return [row["block"] for row in rows]


async def take_block(tx: Tx, workspace_id: UUID, import_id: UUID, block: int) -> bytes | None:
    """The rows of a block, until commit nobody else's; None when it is worked off."""
    found = await tx.value(_TAKE_BLOCK, [workspace_id, import_id, block])
    return bytes(found) if found is not None else None


async def block_done(
    tx: Tx, workspace_id: UUID, import_id: UUID, block: int, effects: bytes | None
) -> None:
    await tx.send(_BLOCK_DONE, [effects, workspace_id, import_id, block])


async def written(
    tx: Tx, workspace_id: UUID, import_id: UUID, before: int, limit: int
) -> list[int]:
    """The last blocks whose effects stand, from the last on."""
    rows = await tx.all(_WRITTEN, [workspace_id, import_id, before, limit])
    return [row["block"] for row in rows]


async def take_written(tx: Tx, workspace_id: UUID, import_id: UUID, block: int) -> bytes | None:
    """What a block wrote, until commit nobody else's; None when it is taken back."""
    found = await tx.value(_TAKE_WRITTEN, [workspace_id, import_id, block])
    return bytes(found) if found is not None else None


async def block_undone(
    tx: Tx, workspace_id: UUID, import_id: UUID, block: int, restored: bytes
) -> None:
    await tx.send(_BLOCK_UNDONE, [restored, workspace_id, import_id, block])


async def undone(tx: Tx, workspace_id: UUID, import_id: UUID) -> list[bytes]:
    """What an undo has restored, the last blocks first."""
    rows = await tx.all(_UNDONE, [workspace_id, import_id])
    return [bytes(row["undone"]) for row in rows]


async def count(
    tx: Tx, workspace_id: UUID, import_id: UUID, state: ImportState, counts: ImportCounts
) -> bool:
    """Add to the counts; False when the import is not in that state any more."""
    params = asdict(counts) | {"workspace": workspace_id, "id": import_id, "state": state}
    return await tx.maybe(_COUNT, params) is not None


async def move(
    tx: Tx,
    workspace_id: UUID,
    import_id: UUID,
    before: Sequence[ImportState],
    state: ImportState,
    *,
    failure: str = "",
    ended: bool = False,
) -> Import | None:
    """The import in its new state; None when it was in none of `before`."""
    params = {
        "workspace": workspace_id,
        "id": import_id,
        "before": [str(s) for s in before],
        "state": state,
        "failure": failure,
        "ended": ended,
    }
    row = await tx.maybe(_MOVE, params)
    return _import(row) if row else None


async def add_errors(
    tx: Tx, workspace_id: UUID, import_id: UUID, errors: Sequence[RowError]
) -> None:
    if errors:
        columns = [
            [e.line for e in errors],
            [e.phase for e in errors],
            [_json([asdict(p) for p in e.problems]) for e in errors],
        ]
        await tx.send(_ADD_ERRORS, [workspace_id, import_id, *columns])


async def errors(
    tx: Tx, workspace_id: UUID, import_id: UUID, after: tuple[int, str], limit: int
) -> list[RowError]:
    """By line."""
    rows = await tx.all(_ERRORS, [workspace_id, import_id, *after, limit])
    return [
        RowError(r["line"], r["phase"], tuple(Problem(**p) for p in r["problems"])) for r in rows
    ]


async def forget(tx: Tx, workspace_id: UUID, import_id: UUID) -> None:
    """Drop what an undo would need, and leave the import to itself."""
    await tx.send(_FORGET, [workspace_id, import_id])
    await tx.send(_UNSCHEDULE, [workspace_id, import_id])


async def schedule(tx: Tx, workspace_id: UUID, import_id: UUID, seconds: float) -> None:
    """Have a worker look at it then."""
    await tx.send(_SCHEDULE, [workspace_id, import_id, seconds])


async def claim(tx: Tx, holder: UUID, seconds: float) -> tuple[UUID, UUID] | None:
    """(workspace, import) of one that is due; nobody else's for so long."""
    row = await tx.maybe(_CLAIM, [seconds, holder])
    return (row["workspace_id"], row["import_id"]) if row else None


async def renew(tx: Tx, workspace_id: UUID, import_id: UUID, holder: UUID, seconds: float) -> bool:
    """Whether it is still ours."""
    return await tx.run(_RENEW, [seconds, workspace_id, import_id, holder]) > 0


async def taken_ids(tx: Tx, workspace_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that records have, deleted ones too."""
    rows = await tx.all(_TAKEN, [workspace_id, list(ids)]) if ids else []
    return {row["record_id"] for row in rows}
