"""What the links service can be told."""

from dataclasses import dataclass

from kit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class LinksSettings(Settings):
    cascade_concurrency: int = 16  # calls under way at the same time in one process
    cascade_lease_seconds: int = 30
