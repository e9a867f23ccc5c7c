"""The pieces that the user's environment says are elsewhere, and so are not started here."""

from collections.abc import Mapping
from dataclasses import dataclass

from cli.stack import s3
from cli.stack.errors import StackError
from cli.stack.s3 import Store

# Settings with which a user points a piece elsewhere; services get values of our own for them.
SETTINGS = frozenset(
    {
        "ARMATURE_DATABASE_URL",
        "ARMATURE_NATS_URL",
        "ARMATURE_S3_ENDPOINT",
        "ARMATURE_S3_ACCESS_KEY",
        "ARMATURE_S3_SECRET_KEY",
        "ARMATURE_S3_REGION",
        "ARMATURE_S3_BUCKET",
        "ARMATURE_OTLP_ENDPOINT",
    }
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What not to start; None where the embedded piece is used."""

    database_url: str | None = None  # a login that may create roles
    nats_url: str | None = None
    store: Store | None = None
    bucket: str = s3.BUCKET
    otlp_endpoint: str | None = None


def from_environment(environment: Mapping[str, str]) -> Elsewhere:
    """Read the settings; StackError when an S3 endpoint comes without its keys."""
    return Elsewhere(
        database_url=environment.get("ARMATURE_DATABASE_URL"),
        nats_url=environment.get("ARMATURE_NATS_URL"),
        store=_store(environment),
        bucket=environment.get("ARMATURE_S3_BUCKET", s3.BUCKET),
        otlp_endpoint=environment.get("ARMATURE_OTLP_ENDPOINT"),
    )


def _store(environment: Mapping[str, str]) -> Store | None:
    endpoint = environment.get("ARMATURE_S3_ENDPOINT")
    if endpoint is None:
        return None
    if "://" not in endpoint:
        raise StackError(f"ARMATURE_S3_ENDPOINT needs http:// or https:// in front: {endpoint!r}")
    try:
        return Store(
            endpoint=endpoint,
            access_key=environment["ARMATURE_S3_ACCESS_KEY"],
            secret_key=environment["ARMATURE_S3_SECRET_KEY"],
            region=environment.get("ARMATURE_S3_REGION", s3.REGION),
        )
    except KeyError as exc:
        raise StackError(f"ARMATURE_S3_ENDPOINT is set, so {exc.args[0]} must be as well") from exc
