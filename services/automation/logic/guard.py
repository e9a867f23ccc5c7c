"""Keep rules from going round for ever, and say so where they would."""

from collections.abc import Sequence
from uuid import UUID

MAX_DEPTH = 16  # of what a run does, counted from the change that no rule made


def link(rule_id: UUID, record_id: UUID) -> str:
    """What a run adds to the chain of causes of all it does."""
    return f"{rule_id}:{record_id}"


def refusal(rule_id: UUID, record_id: UUID, chain: Sequence[str], depth: int) -> str:
    """Why a run must not begin; empty when it may. `depth` is that of what it would do."""
    if link(rule_id, record_id) in chain:
        return "loop: this rule has already run on this record in the same chain of causes"
    if depth > MAX_DEPTH:
        return f"loop: the chain of causes is longer than {MAX_DEPTH}"
    return ""
