"""Read and write workflows, their versions, and what happened to them."""

from typing import Any
from uuid import UUID

from kit import ids
from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from schema import jsonio
from services.automation.logic import definitions
from services.automation.model import (
    Entry,
    Kind,
    Retention,
    Starter,
    Workflow,
    WorkflowState,
    WorkflowVersion,
)

_COLUMNS = """
w.workflow_id, w.name, w.description, w.draft, w.state, w.state_reason, w.version, w.revision,
w.trigger_type, w.create_time, w.update_time, coalesce(v.owner_id, '') AS owner_id"""
_FROM = """
FROM workflows AS w LEFT JOIN workflow_versions AS v
  ON v.workspace_id = w.workspace_id AND v.workflow_id = w.workflow_id AND v.version = w.version"""


def _name_taken(name: str) -> AlreadyExists:
    return AlreadyExists("WORKFLOW_NAME_TAKEN", f"there is a workflow {name!r} already", name=name)


async def insert(
    tx: Tx,
    workspace_id: UUID,
    workflow_id: UUID,
    *,
    name: str,
    description: str,
    draft: dict[str, Any],
    sealed_secret: bytes,
    hook_hash: bytes,
) -> Workflow:
    """AlreadyExists for a name or id that is taken."""
    exists = AlreadyExists(
        "WORKFLOW_EXISTS", "there is a workflow with this id already", id=str(workflow_id)
    )
    with (
        on_violation("uq_workflows_name", _name_taken(name)),
        on_violation("pk_workflows", exists),
    ):
        await tx.run(
            "INSERT INTO workflows (workspace_id, workflow_id, name, description, draft, state,"
            " version, revision, webhook_secret, hook_hash)"
            " VALUES (%s, %s, %s, %s, %s, 'draft', 0, 1, %s, %s)",
            [
                workspace_id,
                workflow_id,
                name,
                description,
                jsonio.dumps(draft).decode(),
                sealed_secret,
                hook_hash,
            ],
        )
    return await one(tx, workspace_id, workflow_id)


async def update_draft(
    tx: Tx,
    workspace_id: UUID,
    workflow_id: UUID,
    *,
    name: str,
    description: str,
    draft: dict[str, Any],
) -> Workflow:
    with on_violation("uq_workflows_name", _name_taken(name)):
        await tx.run(
            "UPDATE workflows SET name = %s, description = %s, draft = %s,"
            " revision = revision + 1, update_time = now()"
            " WHERE workspace_id = %s AND workflow_id = %s",
            [name, description, jsonio.dumps(draft).decode(), workspace_id, workflow_id],
        )
    return await one(tx, workspace_id, workflow_id)


async def publish(
    tx: Tx,
    workspace_id: UUID,
    workflow_id: UUID,
    *,
    owner_id: str,
    document: dict[str, Any],
    trigger_type: str,
) -> Workflow:
    """Freeze the next version, and have it be the one that starts."""
    version = await tx.value(
        "UPDATE workflows SET version = version + 1, revision = revision + 1, trigger_type = %s,"
        " state = CASE state WHEN 'draft' THEN 'enabled' ELSE state END, update_time = now()"
        " WHERE workspace_id = %s AND workflow_id = %s RETURNING version",
        [trigger_type, workspace_id, workflow_id],
    )
    await tx.run(
        "INSERT INTO workflow_versions (workspace_id, workflow_id, version, owner_id, definition)"
        " VALUES (%s, %s, %s, %s, %s)",
        [workspace_id, workflow_id, version, owner_id, jsonio.dumps(document).decode()],
    )
    return await one(tx, workspace_id, workflow_id)


async def set_state(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, state: WorkflowState, reason: str
) -> Workflow:
    await tx.run(
        "UPDATE workflows SET state = %s, state_reason = %s, revision = revision + 1,"
        " update_time = now() WHERE workspace_id = %s AND workflow_id = %s",
        [state, reason, workspace_id, workflow_id],
    )
    return await one(tx, workspace_id, workflow_id)


async def mark_deleted(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> Workflow:
    await tx.run(
        "UPDATE workflows SET delete_time = now(), revision = revision + 1"
        " WHERE workspace_id = %s AND workflow_id = %s",
        [workspace_id, workflow_id],
    )
    return await one(tx, workspace_id, workflow_id)


async def find(
    tx: Tx, workspace_id: UUID, name_or_id: str, *, lock: bool = False
) -> Workflow | None:
    """A live workflow by id or name."""
    workflow_id = _uuid(name_or_id)
    condition = "w.name = %s" if workflow_id is None else "w.workflow_id = %s"
    row = await tx.maybe(
        f"SELECT {_COLUMNS} {_FROM} WHERE w.workspace_id = %s AND {condition}"
        f" AND w.delete_time IS NULL {'FOR UPDATE OF w' if lock else ''}",
        [workspace_id, workflow_id or name_or_id],
    )
    return None if row is None else _workflow(row)


async def one(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> Workflow:
    sql = f"SELECT {_COLUMNS} {_FROM} WHERE w.workspace_id = %s AND w.workflow_id = %s"
    return _workflow(await tx.one(sql, [workspace_id, workflow_id]))


async def ever_existed(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> bool:
    sql = "SELECT 1 FROM workflows WHERE workspace_id = %s AND workflow_id = %s"
    return await tx.maybe(sql, [workspace_id, workflow_id]) is not None


async def list_page(
    tx: Tx, workspace_id: UUID, after: tuple[str, str] | None, limit: int
) -> list[Workflow]:
    """Live workflows, oldest first."""
    beyond = "AND (w.create_time, w.workflow_id) > (%s::timestamptz, %s::uuid)" if after else ""
    rows = await tx.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE w.workspace_id = %s AND w.delete_time IS NULL {beyond}"
        " ORDER BY w.create_time, w.workflow_id LIMIT %s",
        [workspace_id, *(after or ()), limit],
    )
    return [_workflow(row) for row in rows]


async def list_versions(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, before: int | None, limit: int
) -> list[WorkflowVersion]:
    """Newest first."""
    rows = await tx.all(
        "SELECT version, owner_id, definition, create_time FROM workflow_versions"
        " WHERE workspace_id = %s AND workflow_id = %s AND version < %s"
        " ORDER BY version DESC LIMIT %s",
        [workspace_id, workflow_id, before or 2**62, limit],
    )
    return [_version(row) for row in rows]


async def find_version(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, version: int
) -> WorkflowVersion | None:
    row = await tx.maybe(
        "SELECT version, owner_id, definition, create_time FROM workflow_versions"
        " WHERE workspace_id = %s AND workflow_id = %s AND version = %s",
        [workspace_id, workflow_id, version],
    )
    return None if row is None else _version(row)


async def known(tx: Tx, workspace_id: UUID) -> set[str]:
    """Names and ids of all there are."""
    rows = await tx.all(
        "SELECT name, workflow_id FROM workflows WHERE workspace_id = %s AND delete_time IS NULL",
        [workspace_id],
    )
    return {row["name"] for row in rows} | {str(row["workflow_id"]) for row in rows}


async def count(tx: Tx, workspace_id: UUID) -> int:
    sql = "SELECT count(*) FROM workflows WHERE workspace_id = %s AND delete_time IS NULL"
    return int(await tx.value(sql, [workspace_id]))


async def starters(tx: Tx, workspace_id: UUID) -> list[Starter]:
    """Everything published: what is paused among it starts nothing, and says so."""
    rows = await tx.all(
        "SELECT w.workflow_id, w.name, w.version, w.state, w.state_reason, v.owner_id,"
        " v.definition FROM workflows AS w JOIN workflow_versions AS v"
        " ON v.workspace_id = w.workspace_id AND v.workflow_id = w.workflow_id"
        " AND v.version = w.version WHERE w.workspace_id = %s AND w.delete_time IS NULL"
        " ORDER BY w.create_time, w.workflow_id",
        [workspace_id],
    )
    return [_starter(row) for row in rows]


async def find_starter(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> Starter | None:
    """One that is published, by its id."""
    row = await tx.maybe(
        "SELECT w.workflow_id, w.name, w.version, w.state, w.state_reason, v.owner_id,"
        " v.definition FROM workflows AS w JOIN workflow_versions AS v"
        " ON v.workspace_id = w.workspace_id AND v.workflow_id = w.workflow_id"
        " AND v.version = w.version"
        " WHERE w.workspace_id = %s AND w.workflow_id = %s AND w.delete_time IS NULL",
        [workspace_id, workflow_id],
    )
    return None if row is None else _starter(row)


async def retentions(tx: Tx, workspace_id: UUID) -> dict[UUID, Retention]:
    """How long the runs of each workflow are kept, deleted ones included."""
    rows = await tx.all(
        "SELECT w.workflow_id, v.definition FROM workflows AS w JOIN workflow_versions AS v"
        " USING (workspace_id, workflow_id, version) WHERE w.workspace_id = %s",
        [workspace_id],
    )
    return {
        row["workflow_id"]: definitions.read(document_of(row["definition"])).retention
        for row in rows
    }


async def add_entry(
    tx: Tx, workspace_id: UUID, subject_id: UUID, kind: str, text: str, actor: str
) -> None:
    """Write down what happened to a rule or workflow."""
    await tx.send(
        "INSERT INTO automation_history (workspace_id, subject_id, entry_id, kind, text, actor)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [workspace_id, subject_id, ids.new_id(), kind, text, actor],
    )


async def history(
    tx: Tx,
    workspace_id: UUID,
    subject_id: UUID,
    *,
    of_run: bool = False,
    before: UUID | None = None,
    limit: int = 200,
) -> list[Entry]:
    """The newest first."""
    table, key = ("run_history", "run_id") if of_run else ("automation_history", "subject_id")
    beyond = "" if before is None else " AND entry_id < %(before)s"
    rows = await tx.all(
        f"SELECT entry_id AS id, create_time AS time, kind, text, actor FROM {table}"
        f" WHERE workspace_id = %(w)s AND {key} = %(s)s{beyond}"
        " ORDER BY entry_id DESC LIMIT %(limit)s",
        {"w": workspace_id, "s": subject_id, "before": before, "limit": limit},
    )
    return [Entry(**row) for row in rows]


def document_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = jsonio.loads_stored(text.encode())
    return found


def _starter(row: Row) -> Starter:
    found = definitions.read(document_of(row["definition"]))
    paused = ""
    if row["state"] == WorkflowState.PAUSED:
        paused = f"the workflow is paused: {row['state_reason'] or 'by a person'}"
    return Starter(
        kind=Kind.WORKFLOW,
        id=row["workflow_id"],
        name=row["name"],
        version=row["version"],
        owner_id=row["owner_id"],
        trigger=found.trigger,
        condition=found.condition,
        when=found.when,
        limits=found.limits,
        paused=paused,
    )


def _version(row: Row) -> WorkflowVersion:
    return WorkflowVersion(
        row["version"], row["owner_id"], document_of(row["definition"]), row["create_time"]
    )


def _workflow(row: Row) -> Workflow:
    return Workflow(
        id=row["workflow_id"],
        name=row["name"],
        description=row["description"],
        draft=document_of(row["draft"]),
        state=WorkflowState(row["state"]),
        state_reason=row["state_reason"],
        version=row["version"],
        revision=row["revision"],
        owner_id=row["owner_id"],
        trigger_type=row["trigger_type"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
