"""Where headers are stored, page by page, and how far they have been looked through."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from kit.db import Tx

_NOWHERE = UUID(int=0)
# A page is read by its key, so that it costs the same wherever it is; of what names no headers, the
# text stays where it is.
_PAGE = """
SELECT p.id, p.number, p.source_id, p.type,
  CASE WHEN p.text LIKE '%%"headers"%%' THEN p.text ELSE '' END AS text
FROM ({rows} ORDER BY 1, 2 LIMIT %(limit)s) AS p ORDER BY p.id, p.number"""
_ROWS = {
    "rules": """
SELECT rule_id AS id, version AS number, rule_id AS source_id, '' AS type, definition AS text
FROM rule_versions
WHERE workspace_id = %(workspace_id)s AND (rule_id, version) > (%(id)s, %(number)s)""",
    "workflows": """
SELECT workflow_id AS id, version AS number, workflow_id AS source_id, '' AS type,
  definition AS text
FROM workflow_versions
WHERE workspace_id = %(workspace_id)s AND (workflow_id, version) > (%(id)s, %(number)s)""",
    "drafts": """
SELECT workflow_id AS id, 0 AS number, workflow_id AS source_id, '' AS type, draft AS text
FROM workflows WHERE workspace_id = %(workspace_id)s AND workflow_id > %(id)s""",
    "steps": """
SELECT s.run_id AS id, s.step_index AS number, r.rule_id AS source_id, s.type, s.input AS text
FROM steps AS s JOIN runs AS r ON r.workspace_id = s.workspace_id AND r.run_id = s.run_id
WHERE s.workspace_id = %(workspace_id)s AND (s.run_id, s.step_index) > (%(id)s, %(number)s)""",
}
# Only what is still as it was read: whoever writes meanwhile seals.
_REPLACE = """
UPDATE {table} AS t SET {column} = n.new
FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[]) AS n (id, number, old, new)
WHERE t.workspace_id = %s AND {key} AND t.{column} = n.old"""
_KEPT_IN = {
    "rules": ("rule_versions", "definition", "t.rule_id = n.id AND t.version = n.number"),
    "workflows": (
        "workflow_versions",
        "definition",
        "t.workflow_id = n.id AND t.version = n.number",
    ),
    "drafts": ("workflows", "draft", "t.workflow_id = n.id"),
    "steps": ("steps", "input", "t.run_id = n.id AND t.step_index = n.number"),
}


class Part(StrEnum):
    RULES = "rules"
    WORKFLOWS = "workflows"
    DRAFTS = "drafts"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a part; the first one is behind `BEGINNING`."""

    id: UUID
    number: int  # a version, or the index of a step


@dataclass(frozen=True, slots=True)
class Kept:
    """A row, and what may hold headers."""

    place: Place
    source_id: UUID  # the rule or workflow that it is of
    type: str  # of a step
    text: str  # JSON; empty where it names none


BEGINNING = Place(_NOWHERE, -1)


async def left(tx: Tx, workspace_id: UUID) -> list[Part]:
    """The parts that are not done."""
    sql = "SELECT part FROM header_sweeps WHERE workspace_id = %s AND done"
    done = {Part(row["part"]) for row in await tx.all(sql, [workspace_id])}
    return [part for part in Part if part not in done]


async def place(tx: Tx, workspace_id: UUID, part: Part) -> Place | None:
    """How far somebody has got, ours to go on from until the transaction ends; None where all is
    done, or another is at it."""
    key = [workspace_id, part]
    await tx.run(
        "INSERT INTO header_sweeps (workspace_id, part, last_id, last_number)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [*key, BEGINNING.id, BEGINNING.number],
    )
    row = await tx.maybe(
        "SELECT last_id, last_number FROM header_sweeps"
        " WHERE workspace_id = %s AND part = %s AND NOT done FOR UPDATE SKIP LOCKED",
        key,
    )
    return Place(row["last_id"], row["last_number"]) if row else None


async def go_on(tx: Tx, workspace_id: UUID, part: Part, last: Place, *, done: bool) -> None:
    await tx.run(
        "UPDATE header_sweeps SET last_id = %s, last_number = %s, done = %s"
        " WHERE workspace_id = %s AND part = %s",
        [last.id, last.number, done, workspace_id, part],
    )


async def page(tx: Tx, workspace_id: UUID, part: Part, after: Place, *, limit: int) -> list[Kept]:
    rows = await tx.all(
        _PAGE.format(rows=_ROWS[part]),
        {"workspace_id": workspace_id, "id": after.id, "number": after.number, "limit": limit},
    )
    return [
        Kept(
            Place(row["id"], row["number"]),
            row["source_id"],
            row["type"],
            row["text"],
        )
        for row in rows
    ]


async def replace(
    tx: Tx, workspace_id: UUID, part: Part, changed: Sequence[tuple[Kept, str]]
) -> None:
    if not changed:
        return
    table, column, key = _KEPT_IN[part]
    await tx.run(
        _REPLACE.format(table=table, column=column, key=key),
        [
            [kept.place.id for kept, _ in changed],
            [kept.place.number for kept, _ in changed],
            [kept.text for kept, _ in changed],
            [new for _, new in changed],
            workspace_id,
        ],
    )
