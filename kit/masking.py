"""Keep the values of headers that users wrote from being read again: answers show a mask.

Who sends the mask back means the value that is kept, as long as it goes where it went: to keep it
for another server would hand it to whoever may change the URL.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

MASK = "********"
NOTHING_KEPT = (
    f"{MASK!r} stands for the value that is kept, and none is kept for this header: give one"
)
LEADS_ELSEWHERE = "the URL leads to another server now: give the values of its headers anew"


def masked(headers: Mapping[str, Any]) -> dict[str, str]:
    """The headers as anybody may see them."""
    return dict.fromkeys(headers, MASK)


def kept(given: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
    """The headers that were given, with what is stored where they hold the mask; the mask stays
    where nothing is stored."""
    known = {name.lower(): value for name, value in stored.items()}
    return {
        name: known.get(name.lower(), MASK) if value == MASK else value
        for name, value in given.items()
    }


def server_of(url: str) -> str | None:
    """What a URL leads to: values that are kept for it go nowhere else. None for one that does not
    name its server in so many words, such as a template: nothing is kept for that."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.scheme or not parts.netloc or "{" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower()
