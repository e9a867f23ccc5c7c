"""Read patterns of event types: record.created, record.*, *.deleted, *, and RecordCreated."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_CAMEL = re.compile(r"^(?:[A-Z][a-z0-9]*){2,}$")
_WORD = re.compile(r"[A-Z][a-z0-9]*")
# Every type has a dot: a word alone would match nothing, for ever and in silence.
_PATTERN = re.compile(r"^(?:\*|(?:\*|[a-z][a-z0-9_]*)(?:\.(?:\*|[a-z][a-z0-9_]*))+)$")
MAX_LENGTH = 128


def normalise(pattern: str) -> str | None:
    """In its dotted form; None for what is no pattern."""
    if len(pattern) > MAX_LENGTH:
        return None
    if _CAMEL.match(pattern):
        *noun, verb = (word.lower() for word in _WORD.findall(pattern))
        return f"{'_'.join(noun)}.{verb}"
    return pattern if _PATTERN.match(pattern) else None


def to_like(pattern: str) -> str:
    """For SQL's LIKE; over-inclusive for two stars side by side, which `matches` is not."""
    if pattern == "*":
        return "%"
    return pattern.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("*", "%")


@lru_cache(maxsize=4096)
def compiled(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a type matches any; none at all match everything."""
    if not patterns or "*" in patterns:
        return lambda _: True
    exact = frozenset(p for p in patterns if "*" not in p)
    forms = [re.compile(_to_regex(p)) for p in patterns if "*" in p]
    return lambda kind: kind in exact or any(form.match(kind) for form in forms)


def split(patterns: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The exact types, and the LIKE patterns of the others; nothing where all are wanted."""
    if "*" in patterns:
        return (), ()
    exact = tuple(p for p in patterns if "*" not in p)
    return exact, tuple(to_like(p) for p in patterns if "*" in p)


def _to_regex(pattern: str) -> str:
    parts = (r"[^.]+" if part == "*" else re.escape(part) for part in pattern.split("."))
    return "^" + r"\.".join(parts) + "$"
