"""Keep page tokens short: of long texts in a place they say only which these were.

A place is the sort's values of a page's last record, its id last. Of a long text a token has but a
digest; who goes on from there reads the text in the record again (`operations/places.py`).
"""

import hashlib
from collections.abc import Sequence
from typing import Any

MOST = 4000  # bytes of a place that a token holds as it is
LONG = 150  # characters of a text: five keys of two such texts each still fit a token
_DIGEST = "d"


def short(place: Sequence[Any]) -> list[Any]:
    """The place as a token holds it."""
    if sum(len(value.encode()) for value in place if isinstance(value, str)) <= MOST:
        return list(place)
    return [
        {_DIGEST: _digest(value)} if isinstance(value, str) and len(value) > LONG else value
        for value in place
    ]


def is_short(place: Sequence[Any]) -> bool:
    """Whether something must be read before one can go on from there."""
    return any(isinstance(value, dict) for value in place)


def is_of(place: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether these are the values that the place was made of."""
    return len(place) == len(values) and all(
        value is not None and _digest(value) == told[_DIGEST]
        if isinstance(told, dict)
        else told == value
        for told, value in zip(place, values, strict=True)
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
