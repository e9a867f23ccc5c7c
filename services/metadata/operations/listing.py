"""Cut one page out of what is held in memory, by keyset."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kit import paging

T = TypeVar("T")


def page(
    items: Sequence[T],
    key: Callable[[T], list[Any]],
    size: int,
    token: str,
    *query: Any,
) -> tuple[list[T], str]:
    """The items of the page, which are sorted by `key`, and the token of the next one."""
    limit = paging.clamp(size)
    after = paging.decode(token, *query)
    rest = items if after is None else [item for item in items if key(item) > after]
    found = list(rest[:limit])
    more = len(rest) > limit
    return found, paging.encode(key(found[-1]), *query) if more else ""
