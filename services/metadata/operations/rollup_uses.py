"""Keep rollups and the definitions that they figure over together.

What a rollup uses stands in other objects: the change that would make it another, or none, is
refused, whatever makes it.
"""

from kit.errors import FailedPrecondition, Violation
from services.metadata.logic import rollups
from services.metadata.logic.catalog import Draft


def check(draft: Draft) -> None:
    """FAILED_PRECONDITION / IN_USE naming the rollups that the draft would change or break."""
    problems = rollups.broken(draft)
    if problems:
        violations = [Violation(p.path, p.code, p.message) for p in problems]
        raise FailedPrecondition("IN_USE", problems[0].message, violations=violations)
