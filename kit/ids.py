"""Make and read identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

import os
import time
from uuid import UUID

from kit.errors import InvalidArgument


def new_id() -> UUID:
    """A UUIDv7: 48 bits of milliseconds, then random bits."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (millis << 80) | random
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


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
