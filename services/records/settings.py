"""What the records service can be told."""

from dataclasses import dataclass

from kit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class RecordsSettings(Settings):
    max_batch: int = 1000
    import_max_bytes: int = 1024 * 1024 * 1024  # of one import's content
    import_concurrency: int = 3  # blocks of one import that are written side by side
    import_lease_seconds: float = 4.0  # after it a killed worker's import goes on with another
    view_idle_seconds: float = 86_400.0  # after it the entries of a view on auto are dropped
    check_seconds: float = 86_400.0  # how often views, groups and rollups are recounted
    field_job_lease_seconds: float = 10.0
    # How long writers that are behind the times may take to learn of a field's new definition
    # before what only the old one used is removed.
    field_job_grace_seconds: float = 120.0
