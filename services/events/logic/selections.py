"""Keep what a replay selects as JSON, between the call that begins it and the workers."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.events.model import LetterQuery


class Letters(msgspec.Struct, frozen=True):
    """Dead letters that were made before a moment."""

    until: datetime
    kind: str | None = None
    event_type: str | None = None
    subscription_id: UUID | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    reason: str | None = None

    def query(self) -> LetterQuery:
        ends = [moment for moment in (self.until, self.to_time) if moment is not None]
        return LetterQuery(
            "open",
            self.kind,
            self.event_type,
            self.subscription_id,
            self.from_time,
            min(ends),
            self.reason,
        )


class Events(msgspec.Struct, frozen=True):
    """Events of the log, up to where it ended when the replay began."""

    up_to: int
    after: int = 0
    types: tuple[str, ...] = ()  # patterns
    from_time: datetime | None = None
    to_time: datetime | None = None


def letters(text: str) -> Letters:
    return msgspec.json.decode(text, type=Letters)


def events(text: str) -> Events:
    return msgspec.json.decode(text, type=Events)


def written(selection: Letters | Events) -> str:
    return msgspec.json.encode(selection).decode()
