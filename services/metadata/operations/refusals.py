"""Turn everything that is wrong with a definition into the one error that the contract promises."""

import contextlib
from collections.abc import Iterator

from kit.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
    Violation,
)
from schema.problems import Invalid, Problem

_LISTED = "ELIGIBLE_FIELD"  # stands beside a problem, and is none

_UNSUPPORTED = "FIELD_CHANGE_UNSUPPORTED"
_STATES = {
    "CHANGE_UNSUPPORTED": _UNSUPPORTED,
    "TYPE_CHANGE": _UNSUPPORTED,
    "IN_USE": "IN_USE",
    "FIELD_BUILDING": "FIELD_BUILDING",
    "NOT_DEACTIVATED": "NOT_DEACTIVATED",
    "CHANGE_NOT_REVERSIBLE": "CHANGE_NOT_REVERSIBLE",
    "NO_ELIGIBLE_FIELD": "NO_ELIGIBLE_FIELD",
    "LAST_TABLE_VIEW": "LAST_TABLE_VIEW",
    "LINK_TYPE_OF_FIELD": "LINK_TYPE_OF_FIELD",
}


@contextlib.contextmanager
def refused(noun: str) -> Iterator[None]:
    """Raise what `Invalid` says of a noun (OBJECT, FIELD, VIEW, LINK_TYPE, SCHEMA) as an error.

    Where all problems are of one kind that has a code of its own, that is it; otherwise
    INVALID_ARGUMENT / <NOUN>_INVALID. The violations always hold all of them.
    """
    try:
        yield
    except Invalid as exc:
        raise _error(noun, exc.problems) from exc


def _error(noun: str, problems: list[Problem]) -> ServiceError:
    violations = [Violation(p.path, p.code, p.message) for p in problems]
    first = problems[0]
    message = f"{first.path}: {first.message}" if first.path else first.message
    if len(problems) > 1 and problems[1].code != _LISTED:
        message += f" (and {len(problems) - 1} more)"
    codes = {p.code for p in problems} - {_LISTED}
    reasons = {_STATES[c] for c in codes if c in _STATES}
    if noun == "CHANGE":  # whatever is in the way, it can't be taken back
        return FailedPrecondition("CHANGE_NOT_REVERSIBLE", message, violations=violations)
    if noun == "SCHEMA" and codes == {"FIELD_BUILDING"}:
        return FailedPrecondition("FIELD_BUILDING", message, violations=violations)
    if noun == "SCHEMA":
        return InvalidArgument("SCHEMA_INVALID", message, violations=violations)
    if codes == {"NAME_TAKEN"}:
        return AlreadyExists(f"{noun}_NAME_TAKEN", message, violations=violations)
    if codes == {"ID_TAKEN"}:
        return AlreadyExists("ID_TAKEN", message, violations=violations)
    if codes == {"LIMIT_REACHED"}:
        return ResourceExhausted("LIMIT_REACHED", message, violations=violations, limit=noun)
    if codes == {"FIELD_AMBIGUOUS"}:
        return InvalidArgument("FIELD_AMBIGUOUS", message, violations=violations)
    if codes <= _STATES.keys() and len(reasons) == 1:
        return FailedPrecondition(reasons.pop(), message, violations=violations)
    return InvalidArgument(f"{noun}_INVALID", message, violations=violations)
