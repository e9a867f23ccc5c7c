"""Read and write rules and their versions."""

from typing import Any
from uuid import UUID

import msgspec

from kit.db import Row, Tx, on_violation
from kit.errors import AlreadyExists
from schema import jsonio
from services.automation.model import Action, Definition, Rule, RuleState, Trigger

_COLUMNS = """
r.rule_id, r.state, r.state_reason, r.version, r.revision, r.create_time, r.update_time,
v.owner_id, v.definition"""
_FROM = """
FROM rules AS r JOIN rule_versions AS v
  ON v.workspace_id = r.workspace_id AND v.rule_id = r.rule_id AND v.version = r.version"""
_INSERT = """
INSERT INTO rules (workspace_id, rule_id, name, state, version, revision, trigger_type, object_id,
                   webhook_secret)
VALUES (%s, %s, %s, %s, 1, 1, %s, %s, %s)"""
_INSERT_VERSION = """
INSERT INTO rule_versions (workspace_id, rule_id, version, owner_id, definition)
VALUES (%s, %s, %s, %s, %s)"""
_UPDATE = """
UPDATE rules SET name = %s, state = %s, state_reason = %s, version = version + 1,
  revision = revision + 1, trigger_type = %s, object_id = %s, update_time = now()
WHERE workspace_id = %s AND rule_id = %s RETURNING version"""


def _name_taken(name: str) -> AlreadyExists:
    return AlreadyExists("RULE_NAME_TAKEN", f"there is a rule {name!r} already", name=name)


async def insert_rule(
    tx: Tx,
    workspace_id: UUID,
    rule_id: UUID,
    definition: Definition,
    *,
    state: RuleState,
    owner_id: str,
    sealed_secret: bytes,
) -> Rule:
    """AlreadyExists for a name or id that is taken."""
    trigger = definition.trigger
    exists = AlreadyExists("RULE_EXISTS", "there is a rule with this id already", id=str(rule_id))
    with (
        on_violation("uq_rules_name", _name_taken(definition.name)),
        on_violation("pk_rules", exists),
    ):
        await tx.run(
            _INSERT,
            [
                workspace_id,
                rule_id,
                definition.name,
                state,
                trigger.type,
                trigger.object_id,
                sealed_secret,
            ],
        )
    await _insert_version(tx, workspace_id, rule_id, 1, owner_id, definition)
    return await _one(tx, workspace_id, rule_id)


async def update_rule(
    tx: Tx,
    workspace_id: UUID,
    rule_id: UUID,
    definition: Definition,
    *,
    state: RuleState,
    state_reason: str,
    owner_id: str,
) -> Rule:
    """Make the next version; AlreadyExists for a name that is taken."""
    trigger = definition.trigger
    new = [definition.name, state, state_reason, trigger.type, trigger.object_id]
    with on_violation("uq_rules_name", _name_taken(definition.name)):
        version = await tx.value(_UPDATE, [*new, workspace_id, rule_id])
    await _insert_version(tx, workspace_id, rule_id, version, owner_id, definition)
    return await _one(tx, workspace_id, rule_id)


async def pause_rule(tx: Tx, workspace_id: UUID, rule_id: UUID, reason: str) -> Rule:
    """Stop it from starting runs; its version stays."""
    await tx.run(
        "UPDATE rules SET state = 'paused', state_reason = %s, revision = revision + 1,"
        " update_time = now() WHERE workspace_id = %s AND rule_id = %s",
        [reason, workspace_id, rule_id],
    )
    return await _one(tx, workspace_id, rule_id)


async def mark_deleted(tx: Tx, workspace_id: UUID, rule_id: UUID) -> Rule:
    await tx.run(
        "UPDATE rules SET delete_time = now(), revision = revision + 1"
        " WHERE workspace_id = %s AND rule_id = %s",
        [workspace_id, rule_id],
    )
    return await _one(tx, workspace_id, rule_id)


async def find_rule(
    tx: Tx, workspace_id: UUID, name_or_id: str, *, lock: bool = False
) -> Rule | None:
    """A live rule by id or name."""
    condition = "r.name = %s" if (rule_id := _uuid(name_or_id)) is None else "r.rule_id = %s"
    row = await tx.maybe(
        f"SELECT {_COLUMNS} {_FROM} WHERE r.workspace_id = %s AND {condition}"
        f" AND r.delete_time IS NULL {'FOR UPDATE OF r' if lock else ''}",
        [workspace_id, rule_id or name_or_id],
    )
    return None if row is None else _rule(row)


async def find_version(
    tx: Tx, workspace_id: UUID, rule_id: UUID, version: int
) -> Definition | None:
    """What a version said."""
    sql = "SELECT definition FROM rule_versions WHERE workspace_id = %s AND rule_id = %s"
    found = await tx.value(f"{sql} AND version = %s", [workspace_id, rule_id, version])
    return None if found is None else definition_of(found)


async def ever_existed(tx: Tx, workspace_id: UUID, rule_id: UUID) -> bool:
    """Whether there is, or was, a rule of that id."""
    sql = "SELECT 1 FROM rules WHERE workspace_id = %s AND rule_id = %s"
    return await tx.maybe(sql, [workspace_id, rule_id]) is not None


async def list_rules(
    tx: Tx, workspace_id: UUID, after: tuple[str, str] | None, limit: int
) -> list[Rule]:
    """Live rules, oldest first."""
    beyond = "AND (r.create_time, r.rule_id) > (%s::timestamptz, %s::uuid)" if after else ""
    rows = await tx.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE r.workspace_id = %s AND r.delete_time IS NULL {beyond}"
        " ORDER BY r.create_time, r.rule_id LIMIT %s",
        [workspace_id, *(after or ()), limit],
    )
    return [_rule(row) for row in rows]


async def active_rules(tx: Tx, workspace_id: UUID) -> list[Rule]:
    """Everything that can start a run, and what the platform has paused: that is said."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} {_FROM} WHERE r.workspace_id = %s AND r.delete_time IS NULL"
        " AND r.state IN ('enabled', 'paused') ORDER BY r.create_time, r.rule_id",
        [workspace_id],
    )
    return [_rule(row) for row in rows]


async def count_rules(tx: Tx, workspace_id: UUID) -> int:
    sql = "SELECT count(*) FROM rules WHERE workspace_id = %s AND delete_time IS NULL"
    return int(await tx.value(sql, [workspace_id]))


async def set_version(tx: Tx, workspace_id: UUID) -> int:
    """The version of the workspace's rules as a whole; 0 before the first."""
    sql = "SELECT version FROM rule_sets WHERE workspace_id = %s"
    return int(await tx.value(sql, [workspace_id]) or 0)


async def workspaces_across_workspaces(tx: Tx) -> list[UUID]:
    """All that have ever had a rule or workflow."""
    rows = await tx.all("SELECT workspace_id FROM rule_sets ORDER BY workspace_id")
    return [row["workspace_id"] for row in rows]


async def bump_set(tx: Tx, workspace_id: UUID) -> None:
    """Also puts changes of a workspace's rules one after the other."""
    await tx.run(
        "INSERT INTO rule_sets AS s (workspace_id, version) VALUES (%s, 1)"
        " ON CONFLICT (workspace_id) DO UPDATE SET version = s.version + 1",
        [workspace_id],
    )


async def count_triggers(tx: Tx, workspace_id: UUID, counts: dict[UUID, int]) -> dict[UUID, int]:
    """Add to what each rule started in this minute; the totals."""
    ids = sorted(counts)
    rows = await tx.all(
        "INSERT INTO rule_rates AS r (workspace_id, rule_id, minute, count)"
        " SELECT %s, n.rule_id, date_trunc('minute', now()), n.more"
        " FROM unnest(%s::uuid[], %s::int[]) AS n (rule_id, more)"
        " ON CONFLICT (workspace_id, rule_id) DO UPDATE SET minute = excluded.minute,"
        " count = excluded.count + CASE WHEN r.minute = excluded.minute THEN r.count ELSE 0 END"
        " RETURNING rule_id, count",
        [workspace_id, ids, [counts[one] for one in ids]],
    )
    return {row["rule_id"]: row["count"] for row in rows}


async def _one(tx: Tx, workspace_id: UUID, rule_id: UUID) -> Rule:
    sql = f"SELECT {_COLUMNS} {_FROM} WHERE r.workspace_id = %s AND r.rule_id = %s"
    return _rule(await tx.one(sql, [workspace_id, rule_id]))


async def _insert_version(
    tx: Tx, workspace_id: UUID, rule_id: UUID, version: int, owner_id: str, definition: Definition
) -> None:
    document = jsonio.dumps(definition).decode()
    await tx.run(_INSERT_VERSION, [workspace_id, rule_id, version, owner_id, document])


def text_of(document: object) -> str:
    return jsonio.dumps(document).decode()


def definition_of(document: str) -> Definition:
    """What a version says, as it was stored; fractions stay exact."""
    found: dict[str, Any] = jsonio.loads_stored(document.encode())
    return Definition(
        name=found["name"],
        description=found["description"],
        trigger=msgspec.convert(found["trigger"], Trigger),
        condition=found["condition"],
        actions=tuple(msgspec.convert(one, Action) for one in found["actions"]),
    )


def _rule(row: Row) -> Rule:
    return Rule(
        id=row["rule_id"],
        definition=definition_of(row["definition"]),
        state=RuleState(row["state"]),
        state_reason=row["state_reason"],
        version=row["version"],
        revision=row["revision"],
        owner_id=row["owner_id"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
