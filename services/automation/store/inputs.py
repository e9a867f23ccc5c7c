"""Read what waits for people: each with its run, and until when."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.db import Row, Tx
from schema import jsonio
from services.automation.model import Kind, RunInput

# In the order of their runs, whose ids are by time, and of the steps in them.
_PAGE = """
SELECT w.run_id, w.step_index, w.due_time AS expire_time, e.due_time AS escalate_time,
  s.path, s.input, coalesce(s.start_time, r.create_time) AS create_time,
  r.rule_id, r.rule_name, r.kind, r.object, r.record_id
FROM waits AS w
JOIN steps AS s ON s.workspace_id = w.workspace_id AND s.run_id = w.run_id
  AND s.step_index = w.step_index AND s.state = 'waiting'
JOIN runs AS r ON r.workspace_id = w.workspace_id AND r.run_id = w.run_id
LEFT JOIN waits AS e ON e.workspace_id = w.workspace_id AND e.run_id = w.run_id
  AND e.step_index = w.step_index AND e.kind = 'escalation' AND e.outcome = ''
WHERE w.workspace_id = %(workspace_id)s AND w.outcome = '' AND w.kind = 'input'
  AND (%(run_id)s::uuid IS NULL OR w.run_id = %(run_id)s)
  AND (w.run_id, w.step_index) > (%(after_run)s, %(after_step)s)
  AND (%(everybody)s OR (s.input::jsonb -> 'assignees') ?| %(names)s::text[]
       OR (%(writes)s AND jsonb_array_length(coalesce(s.input::jsonb -> 'assignees', '[]')) = 0))
ORDER BY w.run_id, w.step_index LIMIT %(limit)s"""


async def page(
    tx: Tx,
    workspace_id: UUID,
    *,
    names: Sequence[str] | None,
    writes: bool,
    run_id: UUID | None,
    after: tuple[UUID, int],
    limit: int,
) -> list[RunInput]:
    """Of everybody, or of who is known by these names, who `writes` or not."""
    rows = await tx.all(
        _PAGE,
        {
            "workspace_id": workspace_id,
            "everybody": names is None,
            "names": list(names or ()),
            "writes": writes,
            "run_id": run_id,
            "after_run": after[0],
            "after_step": after[1],
            "limit": limit,
        },
    )
    return [_input(row) for row in rows]


def _input(row: Row) -> RunInput:
    asked: dict[str, Any] = jsonio.loads_stored(row["input"].encode())
    return RunInput(
        run_id=row["run_id"],
        step_index=row["step_index"],
        path=row["path"],
        title=str(asked.get("title", "")),
        form=asked.get("form") or [],
        assignees=tuple(str(one) for one in asked.get("assignees") or ()),
        escalated=int(asked.get("stage", 0)),
        escalate_time=row["escalate_time"],
        expire_time=row["expire_time"],
        create_time=row["create_time"],
        source_id=row["rule_id"],
        source_name=row["rule_name"],
        kind=Kind(row["kind"]),
        object=row["object"],
        record_id=row["record_id"],
    )
