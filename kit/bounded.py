"""Keep what was used last, as much as fits: a cache bounded by the size of what it holds."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Values by key. Beyond `limit` those that were used least recently go; one always stays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The value, which counts as used; None where there is none."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value in the place of the one that is there; sizes are the caller's measure."""
        self.drop(key)
        self._held[key] = value, size
        self.size += size
        while self.size > self._limit and len(self._held) > 1:
            self.drop(next(iter(self._held)))

    def drop(self, key: K) -> None:
        if (old := self._held.pop(key, None)) is not None:
            self.size -= old[1]
