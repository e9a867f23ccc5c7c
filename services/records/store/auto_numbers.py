"""Give out the numbers of auto_number fields: each once, each greater than those before it."""

from uuid import UUID

from kit.db import Tx

_TAKE = """
INSERT INTO auto_numbers AS a (workspace_id, field_id, next)
VALUES (%(workspace)s, %(field)s, %(start)s + %(count)s)
ON CONFLICT (workspace_id, field_id) DO UPDATE SET next = a.next + %(count)s
RETURNING next - %(count)s AS first"""


async def take(tx: Tx, workspace_id: UUID, field_id: UUID, start: int, count: int) -> int:
    """The first of so many numbers. Whoever takes numbers of the field next waits for our commit,
    so that later records have greater numbers; a rollback gives them back."""
    params = {"workspace": workspace_id, "field": field_id, "start": start, "count": count}
    return int(await tx.value(_TAKE, params))
