"""What the records service can be told."""

from dataclasses import dataclass

from kit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class RecordsSettings(Settings):
    max_batch: int = 1000
