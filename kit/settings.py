"""Read settings from the environment: typed, complete, and unknown names refused.

Each service declares a frozen dataclass of its settings; `ARMATURE_` + the field's upper-case name
is where its value stands. A misspelt name stops the process, with the nearest known one, because
silently ignoring a setting is worse.
"""

import os
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any, TypeVar

PREFIX = "ARMATURE_"
_SECRET = {"internal_secret", "s3_secret_key", "bootstrap_api_key", "database_url"}
_SECRET |= {"worker_database_url", "owner_database_url", "nats_url"}
# Names that other processes of the platform read; seeing them here is no mistake.
_SHARED = {"bootstrap_api_key", "bootstrap_workspace_id", "owner_database_url", "data_dir"}

T = TypeVar("T", bound="Settings")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every service knows."""

    address: str = "127.0.0.1:7701"
    database_url: str = ""
    worker_database_url: str = ""
    owner_database_url: str = ""
    database_pool: int = 16  # connections for requests; workers have as many again
    nats_url: str = "nats://127.0.0.1:4222"
    s3_endpoint: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_bucket: str = "armature"
    s3_region: str = "us-east-1"
    internal_secret: str = ""
    metadata_address: str = "127.0.0.1:7701"
    records_address: str = "127.0.0.1:7702"
    links_address: str = "127.0.0.1:7703"
    artifacts_address: str = "127.0.0.1:7704"
    events_address: str = "127.0.0.1:7705"
    automation_address: str = "127.0.0.1:7706"
    stream_max_bytes: int = 16 * 1024**3  # of the streams, where they are made by this process
    metrics_address: str = ""  # host:port of /metrics; without one it is not served
    otlp_endpoint: str = ""  # no spans leave without one
    trace_rate: float = 10.0  # new traces a second per process; callers' own sampled ones always
    log_level: str = "INFO"
    log_rpc_rate: float = 20.0  # lines a second for calls that went well; all others always
    environment: str = "production"
    allow_loopback_webhooks: bool = False
    ack_wait_seconds: float = 15.0  # after it a killed consumer's events come to another
    crash_dir: str = ""  # tests put the name of a crash point there
    grace_seconds: float = 10.0
    max_connection_age_seconds: float = 300.0
    max_message_bytes: int = 16 * 1024 * 1024
    request_timeout_seconds: float = 30.0  # for calls that come without a deadline


class SettingsError(Exception):
    """A setting is unknown, missing or of the wrong type."""


def load(kind: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Read `kind` from the environment; SettingsError lists everything that is wrong."""
    env = os.environ if environ is None else environ
    hints = typing.get_type_hints(kind)
    known = {PREFIX + f.name.upper(): f for f in fields(kind)}
    shared = {PREFIX + name.upper() for name in _SHARED}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, raw in env.items():
        if not name.startswith(PREFIX) or name in shared - set(known):
            continue
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            wrong.append(f"{name} is not a setting{hint}")
            continue
        try:
            values[known[name].name] = _convert(raw, hints[known[name].name])
        except ValueError as exc:
            wrong.append(f"{name}: {exc}")
    for f in fields(kind):
        missing = f.default is MISSING and f.default_factory is MISSING
        if missing and f.name not in values:
            wrong.append(f"{PREFIX}{f.name.upper()} is required")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return kind(**values)


def _convert(raw: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(h for h in typing.get_args(hint) if h is not types.NoneType)
    if hint is bool:
        if raw.lower() in {"true", "1", "yes"}:
            return True
        if raw.lower() in {"false", "0", "no", ""}:
            return False
        raise ValueError(f"{raw!r} is not true or false")
    if typing.get_origin(hint) is tuple:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    try:
        return hint(raw)
    except ValueError as exc:
        raise ValueError(f"{raw!r} is not of type {hint.__name__}") from exc


def print_config(settings: Settings) -> None:
    """Write every setting and its value, secrets masked, as the environment would hold it."""
    for f in fields(settings):
        value = getattr(settings, f.name)
        shown = "********" if f.name in _SECRET and value else value
        sys.stdout.write(f"{PREFIX}{f.name.upper()}={shown}\n")
