"""Refuse a write that is based on an old version."""

from kit.errors import Aborted, InvalidArgument


def expected(etag: str) -> int | None:
    """The version an etag names; None for the empty one, which matches any."""
    bare = etag.removeprefix("W/").strip('"')
    if bare in {"", "*"}:
        return None
    if not bare.isascii() or not bare.isdigit() or len(bare) > 18:
        raise InvalidArgument.at(
            "ETAG_INVALID", "etag", "INVALID", "an etag is the version that was read"
        )
    return int(bare)


def check(etag: str, version: int) -> None:
    """ABORTED / ETAG_MISMATCH unless `etag` is empty or names `version`."""
    wanted = expected(etag)
    if wanted is not None and wanted != version:
        raise Aborted(
            "ETAG_MISMATCH",
            f"the version is {version} by now, not {wanted}: read again and retry",
            version=str(version),
        )
