"""Roll a record back from the present, change by change."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class TooSoon(Exception):
    """The changes do not begin with the newest."""


class TooFar(Exception):
    """The changes end before the moment is reached; they are known from `since` on."""

    def __init__(self, since: datetime) -> None:
        super().__init__()
        self.since = since


@dataclass(frozen=True, slots=True)
class Change:
    """What made one version of a record."""

    kind: str  # created, updated, deleted, undeleted
    version: int
    time: datetime
    changed: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    actor: str  # JSON


class Past:
    """A record on its way back to a moment. Changes are undone newest first, without a gap."""

    def __init__(
        self,
        fields: Mapping[str, Any],
        version: int,
        moment: datetime,
        delete_time: datetime | None,
        known_at: Callable[[datetime], Container[str]] | None = None,
    ) -> None:
        self.fields = dict(fields)
        self.version = version
        self.exists = True
        self.delete_time = delete_time
        self.update_time: datetime | None = None
        self.actor = ""
        self.done = False
        self._moment = moment
        self._known_at = known_at  # the fields that changes of that time are about; None: all
        self._since: datetime | None = None

    def undo(self, change: Change) -> None:
        """Take one change back, if it was made after the moment; else we are there."""
        if self.done or change.version > self.version:
            return  # there by now; or newer than the present that was read
        if change.version != self.version:
            raise TooSoon if self._since is None else TooFar(self._since)
        self._since = change.time
        if change.time <= self._moment:
            self._arrive(change)
            return
        if change.kind == "created":
            self.exists, self.done = False, True
            return
        if change.kind == "updated":
            known = self.fields if self._known_at is None else self._known_at(change.time)
            for name in change.changed:
                if name in self.fields and name in known:
                    self.fields[name] = change.before.get(name)
        self.delete_time = change.time if change.kind == "undeleted" else None
        self.version = change.version - 1

    def _arrive(self, change: Change) -> None:
        self.done = True
        self.update_time, self.actor = change.time, change.actor
        if change.kind == "deleted":
            self.delete_time = change.time

    def end(self) -> None:
        """There are no more changes."""
        if self.done:
            return
        if self._since is None:
            raise TooSoon
        raise TooFar(self._since)
