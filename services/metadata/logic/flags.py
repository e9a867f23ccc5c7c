"""Feature flags: what a good one is, whom a rollout takes in, and what holds for a principal."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from schema.field_types.refusals import Problems
from schema.jsonio import dumps
from services.metadata.model import Flag

MAX_FLAGS = 200  # of a workspace
MAX_VALUE_BYTES = 1_000
MAX_REASON = 500
TYPES = ("bool", "number", "string", "json")
_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,62}", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z0-9_-]{0,63}", re.ASCII)
_BUCKETS = 10_000


def type_of(value: Any) -> str:
    """What a JSON value is as a flag."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    return "json" if value is None or isinstance(value, list | Mapping) else "number"


def check(
    key: str, environment: str, kind: str, value: Any, rollout: int, reason: str
) -> tuple[str, Problems]:
    """The flag's type, and everything that is wrong with it."""
    problems = Problems()
    if not _KEY.fullmatch(key):
        message = "must be lower case letters, digits, _, . and -, from a letter, at most 63"
        problems.add("key", "INVALID_NAME", message)
    if not _ENVIRONMENT.fullmatch(environment):
        message = "must be lower case letters, digits, _ and -, at most 63; empty for all"
        problems.add("environment", "INVALID_NAME", message)
    found = kind or type_of(value)
    if found not in TYPES:
        problems.add("type", "UNKNOWN_CHOICE", f"must be one of {', '.join(TYPES)}")
    elif found not in {"json", type_of(value)}:
        problems.add("value", "WRONG_TYPE", f"must be a {found}, as the type says")
    if len(dumps(value)) > MAX_VALUE_BYTES:
        problems.add("value", "TOO_LONG", f"a value has at most {MAX_VALUE_BYTES} bytes")
    if not 0 <= rollout <= 100:
        problems.add("rollout_percentage", "OUT_OF_RANGE", "must be 0 to 100")
    if not reason.strip():
        problems.add("reason", "REQUIRED", "say why, for whoever reads the audit log")
    elif len(reason) > MAX_REASON or not reason.isprintable():
        problems.add("reason", "INVALID", f"must be one line of at most {MAX_REASON} characters")
    return found, problems


def takes_in(key: str, rollout: int, principal_id: str) -> bool:
    """Whether a rollout takes the principal in: the same answer for ever, and as many of a hundred
    as it says; who is in stays in as it grows."""
    digest = hashlib.sha256(f"{key}\0{principal_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % _BUCKETS < rollout * _BUCKETS // 100


def deciding(flags: Iterable[Flag], environment: str) -> dict[str, Flag]:
    """By key, the flag of the environment, or else the one for all."""
    found: dict[str, Flag] = {}
    for flag in flags:
        if flag.environment == environment or (not flag.environment and flag.key not in found):
            found[flag.key] = flag
    return dict(sorted(found.items()))


def document(deciding_flags: Mapping[str, Flag], principal_id: str) -> bytes:
    """The values that are on for the principal, as one JSON object; empty for none."""
    on = [
        dumps(flag.key) + b":" + flag.value
        for flag in deciding_flags.values()
        if takes_in(flag.key, flag.rollout_percentage, principal_id)
    ]
    return b"{" + b",".join(on) + b"}" if on else b""
