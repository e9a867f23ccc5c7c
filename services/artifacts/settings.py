"""What the artifacts service can be told."""

from dataclasses import dataclass

from kit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ArtifactsSettings(Settings):
    s3_public_endpoint: str = ""  # what clients reach the store by, where it is another address
    max_file_bytes: int = 5 * 1024**3
    upload_seconds: int = 3600  # an upload that is not finalized by then is reaped
    store_job_lease_seconds: int = 60
