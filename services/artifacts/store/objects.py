"""Speak to the S3 store: the SDK in threads, its failures as UNAVAILABLE / STORE_UNAVAILABLE.

Bytes are read and copied in the store or in chunks, never held whole.
"""

import asyncio
import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog
import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.error import MinioException, S3Error

from kit import clock, deadlines
from kit.errors import DeadlineExceeded, Unavailable
from services.artifacts.logic.contents import HEAD
from services.artifacts.model import Digest
from services.artifacts.store.presigning import Signer, checksum_header

log = structlog.get_logger()

R = TypeVar("R")
_CHUNK = 1024 * 1024
_MISSING = {"NoSuchKey", "NoSuchBucket", "NoSuchObject", "ResourceNotFound"}
_CHANGED = {"PreconditionFailed"}


class ObjectChanged(Exception):
    """The object is another one than a moment ago."""


def upload_key(workspace_id: UUID, file_id: UUID) -> str:
    """Where the bytes of an upload stand until they are verified."""
    return f"quarantine/{workspace_id}/{file_id}"


def content_key(workspace_id: UUID, sha256: str) -> str:
    return f"{workspace_id}/{sha256}"


class ObjectStore:
    """One bucket. `public_endpoint` is what clients reach it by, where that is another address."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        region: str,
        *,
        public_endpoint: str = "",
    ) -> None:
        self._bucket = bucket
        self._client = _client(endpoint, access_key, secret_key, region)
        public = public_endpoint or endpoint
        self._public = _client(public, access_key, secret_key, region)
        self._signer = Signer(public, access_key, secret_key, region)

    async def ensure_bucket(self) -> None:
        """Make the bucket if it is missing; STORE_UNAVAILABLE while the store does not answer."""

        def work() -> None:
            if not self._client.bucket_exists(bucket_name=self._bucket):
                self._client.make_bucket(bucket_name=self._bucket)

        await self._in_thread(work)

    def upload_url(
        self, workspace_id: UUID, file_id: UUID, size: int, sha256: str, seconds: int
    ) -> tuple[str, Mapping[str, str]]:
        """Where to PUT the bytes, and the headers that the PUT must carry."""
        headers = {
            "Content-Length": str(size),
            "x-amz-checksum-sha256": checksum_header(sha256),
        }
        path = f"{self._bucket}/{upload_key(workspace_id, file_id)}"
        return self._signer.put(path, headers, clock.now(), seconds), headers

    def download_url(self, key: str, content_type: str, disposition: str, seconds: int) -> str:
        return self._public.presigned_get_object(
            bucket_name=self._bucket,
            object_name=key,
            expires=timedelta(seconds=seconds),
            response_headers={
                "response-content-type": content_type,
                "response-content-disposition": disposition,
            },
        )

    async def put(self, key: str, content: bytes) -> None:
        def work() -> None:
            self._client.put_object(
                bucket_name=self._bucket,
                object_name=key,
                data=io.BytesIO(content),
                length=len(content),
            )

        await self._in_thread(work)

    async def size(self, key: str) -> int | None:
        """Bytes; None where there is no such object."""

        def work() -> int | None:
            found = self._client.stat_object(bucket_name=self._bucket, object_name=key)
            return found.size

        return await self._in_thread(work)

    async def digest(self, key: str) -> Digest | None:
        """Read the object to its end; None where there is none."""
        return await self._in_thread(lambda: self._digest(key))

    def _digest(self, key: str) -> Digest:
        # Asked first because a GET of what is missing answers in a form that the SDK can't read.
        self._client.stat_object(bucket_name=self._bucket, object_name=key)
        response = self._client.get_object(bucket_name=self._bucket, object_name=key)
        try:
            sum_so_far, size, head = hashlib.sha256(), 0, b""
            for chunk in response.stream(_CHUNK):
                if (left := deadlines.remaining()) is not None and left < 0:
                    message = "there was not enough time to verify the file; finalize again"
                    raise DeadlineExceeded("DEADLINE_EXCEEDED", message)
                sum_so_far.update(chunk)
                size += len(chunk)
                if len(head) < HEAD:
                    head = (head + chunk)[:HEAD]
            etag = response.headers.get("etag", "").strip('"')
            return Digest(size, sum_so_far.hexdigest(), head, etag)
        finally:
            response.close()
            response.release_conn()

    async def copy(self, source: str, target: str, verified: Digest) -> None:
        """Copy within the store what was verified; ObjectChanged when it was replaced since."""

        def work() -> bool:
            self._client.copy_object(
                bucket_name=self._bucket,
                object_name=target,
                source=CopySource(
                    bucket_name=self._bucket,
                    object_name=source,
                    match_etag=verified.etag or None,
                ),
            )
            found = self._client.stat_object(bucket_name=self._bucket, object_name=source)
            return (found.etag or "").strip('"') == verified.etag and found.size == verified.size

        if not await self._in_thread(work):
            await self.remove(target)
            raise ObjectChanged

    async def remove(self, key: str) -> None:
        """Gone, whether or not it was there."""

        def work() -> None:
            self._client.remove_object(bucket_name=self._bucket, object_name=key)

        await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], R]) -> R | None:
        """The answer; None for what is missing."""
        return await asyncio.to_thread(_answered, work)


def _answered(work: Callable[[], R]) -> R | None:
    with _translated():
        try:
            return work()
        except S3Error as exc:
            if exc.code in _MISSING:
                return None
            if exc.code in _CHANGED:
                raise ObjectChanged from exc
            raise


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as exc:
        log.warning("the file store fails", error=str(exc)[:500])
        raise Unavailable(
            "STORE_UNAVAILABLE", "the file store does not answer; try again", retry_after=1
        ) from exc


def _client(endpoint: str, access_key: str, secret_key: str, region: str) -> Minio:
    scheme, _, host = endpoint.partition("://")
    return Minio(
        endpoint=host,
        access_key=access_key,
        secret_key=secret_key,
        region=region,
        secure=scheme == "https",
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=2.0, read=20.0), maxsize=16, retries=False
        ),
    )
