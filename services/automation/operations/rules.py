"""Create, change and end rules, and announce it."""

from dataclasses import dataclass
from uuid import UUID

from kit import etags, outbox
from kit.caller import Caller
from kit.db import Tx
from kit.errors import NotFound, ResourceExhausted
from services.automation import events
from services.automation.model import Definition, Rule, RuleState
from services.automation.store import rules as store


def not_found(name: str) -> NotFound:
    return NotFound("RULE_NOT_FOUND", f"there is no rule {name!r}", rule=name)


@dataclass(frozen=True, slots=True)
class NewRule:
    id: UUID
    definition: Definition
    state: RuleState
    sealed_secret: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What an update makes of a rule. Whoever changes what it does becomes whom it acts as."""

    definition: Definition
    state: RuleState
    takes_over: bool


async def create(tx: Tx, caller: Caller, new: NewRule, max_rules: int) -> Rule:
    await store.bump_set(tx, caller.workspace_id)
    if await store.count_rules(tx, caller.workspace_id) >= max_rules:
        raise ResourceExhausted(
            "LIMIT_REACHED", f"a workspace has at most {max_rules} rules", limit="max_rules"
        )
    rule = await store.insert_rule(
        tx,
        caller.workspace_id,
        new.id,
        new.definition,
        state=new.state,
        owner_id=caller.principal_id,
        sealed_secret=new.sealed_secret,
    )
    await outbox.add(tx, caller, events.rule("created", rule))
    return rule


async def update(tx: Tx, caller: Caller, rule: Rule, change: Change) -> Rule:
    """The next version. `rule` is locked by this transaction."""
    await store.bump_set(tx, caller.workspace_id)
    reason = rule.state_reason if change.state is rule.state else ""
    updated = await store.update_rule(
        tx,
        caller.workspace_id,
        rule.id,
        change.definition,
        state=change.state,
        state_reason=reason,
        owner_id=caller.principal_id if change.takes_over else rule.owner_id,
    )
    await outbox.add(tx, caller, events.rule("updated", updated))
    return updated


async def delete(tx: Tx, caller: Caller, name: str, etag: str = "") -> None:
    rule = await store.find_rule(tx, caller.workspace_id, name, lock=True)
    if rule is None:
        raise not_found(name)
    etags.check(etag, rule.version)
    await store.bump_set(tx, caller.workspace_id)
    deleted = await store.mark_deleted(tx, caller.workspace_id, rule.id)
    await outbox.add(tx, caller, events.rule("deleted", deleted))
