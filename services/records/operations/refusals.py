"""Name what is wrong with a call about records."""

from collections.abc import Sequence

from kit.errors import InvalidArgument, NotFound, Violation
from schema.problems import Problem


def invalid(problems: Sequence[Problem]) -> InvalidArgument:
    """FIELDS_INVALID with every problem."""
    first = problems[0]
    message = f"{first.path}: {first.message}" if first.path else first.message
    return InvalidArgument(
        "FIELDS_INVALID",
        message,
        violations=[Violation(p.path, p.code, p.message) for p in problems],
    )


def not_found(record_id: str) -> NotFound:
    return NotFound("RECORD_NOT_FOUND", f"there is no record {record_id!r}", id=record_id)
