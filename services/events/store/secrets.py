"""The sealed secrets of a subscription."""

from uuid import UUID

from kit.db import Tx


async def newest(tx: Tx, workspace_id: UUID, subscription_id: UUID) -> bytes | None:
    value = await tx.value(
        "SELECT sealed FROM subscription_secrets"
        " WHERE workspace_id = %s AND subscription_id = %s AND expire_time IS NULL",
        [workspace_id, subscription_id],
    )
    return None if value is None else bytes(value)
