"""Raise the data of old events to the form that today's code reads: the one place for it.

An event's `schema_version` counts the forms of its type's data. Whoever changes a form adds the
step from the form before, and raises the number where the event is made; every consumer and every
replay of history then sees the newest form alone. A version that is newer than this code stays as
it is: forms only ever gain members, so that old code reads what it knows.
"""

from collections.abc import Callable
from typing import Any

import msgspec

Step = Callable[[dict[str, Any]], dict[str, Any]]

# From (type, schema_version) to the data of the version after it.
STEPS: dict[tuple[str, int], Step] = {}


def raised(kind: str, version: int, data: msgspec.Raw) -> tuple[int, msgspec.Raw]:
    """The newest version that steps lead to, and the data in its form."""
    if (kind, version) not in STEPS:
        return version, data
    document: dict[str, Any] = msgspec.json.decode(data)
    while step := STEPS.get((kind, version)):
        document, version = step(document), version + 1
    return version, msgspec.Raw(msgspec.json.encode(document))
