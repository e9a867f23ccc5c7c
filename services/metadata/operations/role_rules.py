"""Keep the rules of roles and the definitions that they speak of together.

A rule that no longer made sense would let nothing through; so the change that would break one is
refused, whatever made it: a field that goes, an option, a type, an object on the way.
"""

from uuid import UUID

from kit.db import Tx
from kit.errors import FailedPrecondition, Violation
from services.metadata.logic import custom_roles
from services.metadata.logic.catalog import Draft
from services.metadata.model import Difference, Noun
from services.metadata.store import roles as store

_NEEDED = {Noun.OBJECT, Noun.FIELD, Noun.LINK_TYPE}


async def check(tx: Tx, workspace_id: UUID, draft: Draft, differences: list[Difference]) -> None:
    """FAILED_PRECONDITION / IN_USE naming the roles whose rules the draft would break."""
    if not any(d.noun in _NEEDED and d.before is not None for d in differences):
        return
    ruled = [
        role
        for role in await store.every(tx, workspace_id)
        if any(own.rule is not None for own in role.objects.values())
    ]
    if not ruled:
        return
    before, after = draft.base.draft.compiled(), draft.compiled()
    violations = [
        Violation(
            f"roles.{role.name}",
            "IN_USE",
            f"the rule of the role {role.name!r} for {obj.name} uses it; change the rule first",
        )
        for role in ruled
        for obj in custom_roles.broken(before, after, role.objects)
    ]
    if violations:
        raise FailedPrecondition("IN_USE", violations[0].message, violations=violations)
