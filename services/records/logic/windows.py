"""Keep the first records of an order as records change, and say how one list became another.

A window knows all matches up to a frontier in the order, a few more than it shows: what leaves the
list is replaced from those behind it, and only when these have run out must the store be asked.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any
from uuid import UUID

from services.records.model import Read, Stored

Record = Mapping[str, Any]  # as predicates and sorts take it
Render = Callable[[Stored], Read]
# A record's id, and what it is now; None where it is purged, and no record where it does not live.
Now = tuple[str, Stored | None, Record | None]
MARK_BYTES = 6
_LEAST_SPARE = 20


class Entry:
    """A record that is in the list, or could come into it."""

    __slots__ = ("_mark", "_read", "_render", "id", "key", "stamp", "stored")

    def __init__(
        self, key: Any, id_: UUID, stamp: Any, stored: Stored | None, read: Read | None
    ) -> None:
        self.key = key
        self.id = id_
        self.stamp = stamp  # equal stamps of one id: the same record, shown alike
        self.stored = stored
        self._read = read
        self._mark = b""

    def read(self, render: Render) -> Read:
        """The record as clients see it."""
        if self._read is None:
            assert self.stored is not None
            self._read = render(self.stored)
        return self._read

    @property
    def mark(self) -> bytes:
        """By which a client's position tells that it has the record just so."""
        if not self._mark:
            text = f"{self.id}:{self.stamp}".encode()
            self._mark = hashlib.blake2b(text, digest_size=MARK_BYTES).digest()
        return self._mark


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a board, without its records."""

    key: Any
    label: str
    color: str
    count: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """What watchers are shown at a moment; `memo` holds what was made of it for all of them, by the
    number of the slice that they were shown before."""

    entries: tuple[Entry, ...] = ()
    more: bool = False
    groups: tuple[Group, ...] = ()
    number: int = field(default_factory=count(1).__next__)
    memo: dict[int, Any] = field(default_factory=dict)

    def shows_as(self, other: "Slice") -> bool:
        if self.more != other.more or self.groups != other.groups:
            return False
        mine = [(e.id, e.stamp) for e in self.entries]
        return mine == [(e.id, e.stamp) for e in other.entries]

    def marks(self) -> bytes:
        return b"".join(entry.mark for entry in self.entries)


class Window:
    """The matches up to the frontier, in order."""

    def __init__(
        self, limit: int, holds: Callable[[Record], bool], key: Callable[[Record], Any]
    ) -> None:
        self._limit = limit
        self._holds = holds
        self._key = key
        self._entries: list[Entry] = []
        self._keys: list[Any] = []
        self._by_id: dict[str, Entry] = {}  # ids as texts: their hash costs a tenth of a UUID's
        self._complete = True
        self._frontier: Any = None  # of what is not complete: nothing behind it is known

    @property
    def capacity(self) -> int:
        """How many records to fill it with."""
        return self._limit + max(self._limit, _LEAST_SPARE)

    def fill(self, rows: Sequence[tuple[Stored, Record]], *, complete: bool) -> None:
        """Begin anew with the first matches."""
        found = {str(s.id): Entry(self._key(r), s.id, s.version, s, None) for s, r in rows}
        self._entries = sorted(found.values(), key=lambda e: e.key)
        self._keys = [e.key for e in self._entries]
        self._by_id = found
        self._complete = complete or not found
        self._frontier = None if self._complete else self._keys[-1]

    def put(self, found: Sequence[Now]) -> bool:
        """Take in what records are now; whether that matters here. Most do not, so that is what is
        found out first."""
        holds, known, touched = self._holds, self._by_id, False
        for id_, stored, record in found:
            if id_ in known or (record is not None and holds(record)):
                touched = self._put(id_, stored, record) or touched
        return touched

    def _put(self, id_: str, stored: Stored | None, record: Record | None) -> bool:
        old = self._by_id.get(id_)
        if old is not None and stored is not None and stored.version <= old.stamp:
            return False
        entry: Entry | None = None
        if stored is not None and record is not None and self._holds(record):
            entry = Entry(self._key(record), stored.id, stored.version, stored, None)
            if not self._complete and self._frontier < entry.key:
                entry = None
        if old is None and entry is None:
            return False
        if old is not None:
            at = bisect_left(self._keys, old.key)
            del self._keys[at], self._entries[at], self._by_id[id_]
        if entry is not None:
            at = bisect_left(self._keys, entry.key)
            self._keys.insert(at, entry.key)
            self._entries.insert(at, entry)
            self._by_id[id_] = entry
            self._shorten()
        return True

    def _shorten(self) -> None:
        if len(self._entries) <= 2 * self.capacity:
            return
        for entry in self._entries[self.capacity :]:
            del self._by_id[str(entry.id)]
        del self._entries[self.capacity :], self._keys[self.capacity :]
        self._complete, self._frontier = False, self._keys[-1]

    @property
    def starved(self) -> bool:
        """It can't say what comes next in the list."""
        return not self._complete and len(self._entries) < self._limit

    def shown(self) -> tuple[tuple[Entry, ...], bool]:
        """The list, and whether there is more behind it."""
        more = not self._complete or len(self._entries) > self._limit
        return tuple(self._entries[: self._limit]), more


class ChangeType(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    REMOVED = "removed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Change:
    type: ChangeType
    index: int
    entry: Entry


def changes(old: Sequence[Entry], new: Sequence[Entry]) -> list[Change]:
    """What leads from one list to the other: those removed, then those put in, by their index in
    the new list, then those that changed in their place. As few as possible count as moved."""
    before = {entry.id: place for place, entry in enumerate(old)}
    present = {entry.id for entry in new}
    found = [Change(ChangeType.REMOVED, n, e) for n, e in enumerate(old) if e.id not in present]
    staying = _longest_rise([before.get(entry.id, -1) for entry in new])
    updated = []
    for place, entry in enumerate(new):
        came_from = before.get(entry.id)
        if came_from is None:
            found.append(Change(ChangeType.ADDED, place, entry))
        elif place not in staying:
            found.append(Change(ChangeType.MOVED, place, entry))
        elif entry.stamp != old[came_from].stamp:
            updated.append(Change(ChangeType.UPDATED, place, entry))
    return found + updated


def _longest_rise(places: Sequence[int]) -> set[int]:
    """Indexes of a longest rising run among the places that are not negative."""
    ends: list[int] = []  # the smallest last place of a run of each length
    at: list[int] = []  # and its index
    previous: dict[int, int] = {}
    for index, place in enumerate(places):
        if place < 0:
            continue
        length = bisect_left(ends, place)
        if length:
            previous[index] = at[length - 1]
        ends[length : length + 1] = [place]
        at[length : length + 1] = [index]
    found = set()
    index_or_none = at[-1] if at else None
    while index_or_none is not None:
        found.add(index_or_none)
        index_or_none = previous.get(index_or_none)
    return found


def changed_groups(old: Sequence[Group], new: Sequence[Group]) -> list[Group]:
    """Those that differ; all where one is new or gone."""
    known = {_group_id(group): group for group in old}
    if known.keys() != {_group_id(group) for group in new}:
        return list(new)
    return [group for group in new if known[_group_id(group)] != group]


def _group_id(group: Group) -> str:
    return repr(group.key)
