"""Keep workspaces."""

from uuid import UUID

from kit.db import Tx
from services.metadata.model import Workspace

_COLUMNS = "workspace_id, display_name, time_zone, week_start, version, create_time, update_time"
_GET = f"SELECT {_COLUMNS} FROM workspaces WHERE workspace_id = %s"
_INSERT = f"""
INSERT INTO workspaces (workspace_id, display_name, time_zone, week_start, version)
VALUES (%s, %s, %s, %s, 1) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"""
_INSERT_VERSION = "INSERT INTO metadata_versions (workspace_id, version) VALUES (%s, 1)"
_UPDATE = f"""
UPDATE workspaces SET display_name = %s, time_zone = %s, week_start = %s,
  version = version + 1, update_time = now()
WHERE workspace_id = %s RETURNING {_COLUMNS}"""
_ENTER = "SELECT set_config('app.workspace_id', %s, true)"


async def get(tx: Tx, workspace_id: UUID) -> Workspace | None:
    row = await tx.maybe(_GET, [workspace_id])
    return Workspace(**row) if row else None


async def insert(
    tx: Tx, workspace_id: UUID, display_name: str, time_zone: str, week_start: str
) -> Workspace | None:
    """The new workspace at metadata version 1; None where one of that id exists."""
    row = await tx.maybe(_INSERT, [workspace_id, display_name, time_zone, week_start])
    if row is None:
        return None
    await tx.run(_INSERT_VERSION, [workspace_id])
    return Workspace(**row)


async def update(
    tx: Tx, workspace_id: UUID, display_name: str, time_zone: str, week_start: str
) -> Workspace:
    row = await tx.one(_UPDATE, [display_name, time_zone, week_start, workspace_id])
    return Workspace(**row)


async def enter(tx: Tx, workspace_id: UUID) -> None:
    """Let row security see another workspace from here on, within this transaction: for making
    one, which is the only change that two workspaces share."""
    await tx.run(_ENTER, [str(workspace_id)])
