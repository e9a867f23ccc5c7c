"""Hold what goes back to a client: a whole body, or a stream of pieces."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = b"application/json"
PROBLEM = b"application/problem+json"

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Reply:
    """A status, headers and a body."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: Headers = field(default_factory=list)


@dataclass(slots=True)
class Stream:
    """A reply whose body comes piece by piece, for as long as the client stays."""

    pieces: AsyncIterator[bytes]
    content_type: bytes
    headers: Headers = field(default_factory=list)
    status: int = 200
    # A document, which is worth nothing in part: it goes to its end, or breaks off for all to see.
    whole: bool = False


def json_reply(status: int, value: Any, headers: Headers | None = None) -> Reply:
    return Reply(status, orjson.dumps(value), JSON, headers or [])
