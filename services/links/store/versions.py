"""Read all links of a workspace by their ids, a stretch at a time."""

from typing import NamedTuple
from uuid import UUID

from kit.db import Tx
from services.links.model import Link
from services.links.store.rows import COLUMNS, link

_FIRST = UUID(int=0)
_LAST = UUID(int=2**128 - 1)
_AFTER = f"""
SELECT {COLUMNS}, delete_time IS NOT NULL AS deleted FROM links
WHERE workspace_id = %s AND link_id > %s AND link_id <= %s AND origin = 'link'
ORDER BY link_id LIMIT %s"""


class Version(NamedTuple):
    """A link as it is now, or was when it was deleted."""

    link: Link
    deleted: bool


async def after(
    tx: Tx, workspace_id: UUID, after_id: UUID | None, until_id: UUID | None, limit: int
) -> list[Version]:
    """Links behind one id and up to another, deleted ones included, in the order of their ids."""
    bounds = [after_id or _FIRST, until_id or _LAST]
    rows = await tx.all(_AFTER, [workspace_id, *bounds, limit])
    return [Version(link(row), row["deleted"]) for row in rows]
