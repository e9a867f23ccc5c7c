"""The secrets of rules and workflows: those of now, and those that were rotated out a while ago.

A signing secret is kept sealed, the token of a workflow's URL as its hash alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kit import ids
from kit.db import Tx
from services.automation.model import Kind

Source = tuple[Kind, UUID]
_SIGNING = """
SELECT a.kind, a.id, s.kept
FROM unnest(%(kinds)s::text[], %(ids)s::uuid[]) AS a (kind, id) CROSS JOIN LATERAL (
  SELECT webhook_secret AS kept, NULL::timestamptz AS until FROM rules
  WHERE workspace_id = %(workspace_id)s AND rule_id = a.id AND a.kind = 'rule'
  UNION ALL
  SELECT webhook_secret, NULL FROM workflows
  WHERE workspace_id = %(workspace_id)s AND workflow_id = a.id AND a.kind = 'workflow'
  UNION ALL
  SELECT kept, expire_time FROM retired_secrets
  WHERE workspace_id = %(workspace_id)s AND source_id = a.id AND use = 'signing'
    AND expire_time > now()
) AS s ORDER BY s.until DESC NULLS FIRST"""
_RETIRED_HOOKS = """
SELECT kept FROM retired_secrets
WHERE workspace_id = %s AND source_id = %s AND use = 'hook' AND expire_time > now()
ORDER BY expire_time DESC"""
_REPLACE = {
    Kind.RULE: """
UPDATE rules SET webhook_secret = %s WHERE workspace_id = %s AND rule_id = %s""",
    Kind.WORKFLOW: """
UPDATE workflows SET webhook_secret = %s WHERE workspace_id = %s AND workflow_id = %s""",
}


class Use(StrEnum):
    SIGNING = "signing"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Hook:
    """How a live workflow is called from outside."""

    salt: str  # what its URL of now is made with
    hashes: tuple[bytes, ...]  # of the tokens that are taken, the newest first


async def signing(tx: Tx, workspace_id: UUID, kind: Kind, source_id: UUID) -> list[bytes]:
    """Sealed, the newest first; also of what was deleted, whose runs come to their end."""
    return (await signing_of(tx, workspace_id, [(kind, source_id)]))[kind, source_id]


async def signing_of(
    tx: Tx, workspace_id: UUID, sources: Sequence[Source]
) -> dict[Source, list[bytes]]:
    """As `signing`, of each of them."""
    found: dict[Source, list[bytes]] = {one: [] for one in sources}
    given = {
        "workspace_id": workspace_id,
        "kinds": [str(kind) for kind, _ in found],
        "ids": [source_id for _, source_id in found],
    }
    for row in await tx.all(_SIGNING, given):
        found[Kind(row["kind"]), row["id"]].append(bytes(row["kept"]))
    return found


async def hook(tx: Tx, workspace_id: UUID, workflow_id: UUID) -> Hook | None:
    """None where no workflow of that id lives."""
    row = await tx.maybe(
        "SELECT hook_salt, hook_hash FROM workflows"
        " WHERE workspace_id = %s AND workflow_id = %s AND delete_time IS NULL",
        [workspace_id, workflow_id],
    )
    if row is None:
        return None
    old = await tx.all(_RETIRED_HOOKS, [workspace_id, workflow_id])
    return Hook(row["hook_salt"], (bytes(row["hook_hash"]), *(bytes(one["kept"]) for one in old)))


async def replace_signing(
    tx: Tx, workspace_id: UUID, kind: Kind, source_id: UUID, sealed: bytes
) -> None:
    await tx.run(_REPLACE[kind], [sealed, workspace_id, source_id])


async def replace_hook(
    tx: Tx, workspace_id: UUID, workflow_id: UUID, salt: str, hashed: bytes
) -> None:
    await tx.run(
        "UPDATE workflows SET hook_salt = %s, hook_hash = %s"
        " WHERE workspace_id = %s AND workflow_id = %s",
        [salt, hashed, workspace_id, workflow_id],
    )


async def end_retired(tx: Tx, workspace_id: UUID, source_id: UUID, use: Use) -> None:
    """End at once what was replaced before."""
    await tx.run(
        "DELETE FROM retired_secrets WHERE workspace_id = %s AND source_id = %s AND use = %s",
        [workspace_id, source_id, use],
    )


async def retire(
    tx: Tx, workspace_id: UUID, source_id: UUID, use: Use, kept: bytes, seconds: float
) -> datetime:
    """Have what is replaced hold so much longer, and what was replaced before no longer than that;
    when it ends."""
    key = [workspace_id, source_id, use]
    await tx.run(
        "DELETE FROM retired_secrets WHERE workspace_id = %s AND source_id = %s AND use = %s"
        " AND expire_time <= now()",
        key,
    )
    await tx.run(
        "UPDATE retired_secrets SET expire_time ="
        " least(expire_time, now() + make_interval(secs => %s))"
        " WHERE workspace_id = %s AND source_id = %s AND use = %s",
        [seconds, *key],
    )
    until: datetime = await tx.value(
        "INSERT INTO retired_secrets (workspace_id, source_id, secret_id, use, kept, expire_time)"
        " VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s)) RETURNING expire_time",
        [workspace_id, source_id, ids.new_id(), use, kept, seconds],
    )
    return until
