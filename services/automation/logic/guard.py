"""Keep rules and workflows from going round for ever, and say so where they would."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

MAX_DEPTH = 16  # of what a run does, counted from the change that no rule made
MAX_STEPS = 10_000  # of one run
MAX_REENTRY = 50


def link(rule_id: UUID, record_id: UUID) -> str:
    """What a run adds to the chain of causes of all it does."""
    return f"{rule_id}:{record_id}"


def refusal(
    rule_id: UUID, record_id: UUID, chain: Sequence[str], depth: int, reentry: int = 0
) -> str:
    """Why a run must not begin; empty when it may. `depth` is that of what it would do. One that
    may run on a record again (`reentry` times) is not bound by the depth but by that number."""
    again = chain.count(link(rule_id, record_id))
    if again > min(reentry, MAX_REENTRY):
        if reentry:
            return f"loop: it has run on this record {again} times in the same chain of causes"
        return "loop: this rule has already run on this record in the same chain of causes"
    if depth > MAX_DEPTH and not (reentry and again):
        return f"loop: the chain of causes is longer than {MAX_DEPTH}"
    return ""


def loop_of(rule_id: UUID, record_id: UUID, chain: Sequence[str]) -> list[UUID]:
    """Who goes round in it, to be paused: nobody where it is only the echo of one's own change,
    which is harmless once it is blocked."""
    own = link(rule_id, record_id)
    if own in chain:
        since = len(chain) - 1 - list(reversed(chain)).index(own)
        members = {one.partition(":")[0] for one in chain[since:]}
        known = sorted(UUID(one) for one in members if _is_uuid(one))
        return known if len(known) > 1 else []
    counts = Counter(one.partition(":")[0] for one in chain)
    members = {one for one, count in counts.items() if count > 1}
    members |= {str(rule_id)} & set(counts)
    return sorted(UUID(one) for one in members if _is_uuid(one))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
