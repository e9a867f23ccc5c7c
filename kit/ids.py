"""Make and read identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

import os
import time
from uuid import UUID

from kit.errors import InvalidArgument

_TICKS = 12  # bits of a millisecond's fraction
_last = 0


def new_id() -> UUID:
    """A UUIDv7: 48 bits of milliseconds, 12 of their fraction, then random bits. Ids that one
    process makes ascend, so that the records of a batch keep its order."""
    global _last  # noqa: PLW0603 -- the order is the process's
    _last = ticks = max((time.time_ns() << _TICKS) // 1_000_000, _last + 1)
    millis, fraction = ticks >> _TICKS, ticks & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ~(0x3 << 62)
    return UUID(int=(millis << 80) | (0x7 << 76) | (fraction << 64) | (0x2 << 62) | random)


def parse_id(value: str, path: str, *, reason: str = "ID_INVALID") -> UUID:
    """The UUID that a caller wrote at `path`; INVALID_ARGUMENT where it is none."""
    try:
        return UUID(value)
    except ValueError as exc:
        message = f"{path} must be a UUID"
        raise InvalidArgument.at(reason, path, "INVALID_UUID", message) from exc


def client_id(value: str, path: str) -> UUID:
    """The id a client chose for something new, or a new one when it chose none."""
    return parse_id(value, path) if value else new_id()
