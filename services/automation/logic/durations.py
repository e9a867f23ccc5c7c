"""Read durations as people write them: seconds, or 90s, 15m, 2h, 3d, 2w."""

import re
from decimal import Decimal
from typing import Any

_TEXT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|w)?\s*$")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MAX_SECONDS = 100 * 366 * 86_400.0  # a hundred years: far dates are kept as they are


def seconds(value: Any) -> float | None:
    """How long that is; None for what is no duration."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        found = float(value)
    elif isinstance(value, str) and (match := _TEXT.match(value)):
        found = float(match[1]) * _UNITS[match[2] or ""]
    else:
        return None
    return found if 0 <= found <= MAX_SECONDS else None
