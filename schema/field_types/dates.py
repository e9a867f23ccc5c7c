"""Canonical dates and instants: ISO dates, and RFC 3339 in UTC with microseconds at most."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from schema.field_types.base import Write
from schema.field_types.refusals import shown, wrong_type
from schema.model import Field
from schema.problems import refuse

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DATE_WANTED = "a string like 2026-01-31"
_DATE_TIME_WANTED = "a string like 2026-01-31T09:30:00Z"


def compile_date(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, raw: object, path: str) -> str:
        if not isinstance(raw, str):
            raise wrong_type(path, _DATE_WANTED, raw)
        if _DATE.fullmatch(raw):
            try:
                date.fromisoformat(raw)
            except ValueError:
                pass
            else:
                return raw
        message = f"must be a date like 2026-01-31, of the years 0001 to 9999, not {shown(raw)}"
        raise refuse(path, "INVALID_DATE", message)

    return write


def compile_date_time(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, raw: object, path: str) -> str:
        if not isinstance(raw, str):
            raise wrong_type(path, _DATE_TIME_WANTED, raw)
        if found := _DATE_TIME.fullmatch(raw):
            day, time, fraction, offset = found.groups()
            offset = "+00:00" if offset in "Zz" else offset
            try:
                return canonical_instant(
                    datetime.fromisoformat(f"{day}T{time}.{fraction or 0}{offset}")
                )
            except (ValueError, OverflowError):
                pass
        message = "must be RFC 3339 with an offset, like 2026-01-31T09:30:00Z or "
        message += f"2026-01-31T10:30:00.5+01:00, not {shown(raw)}"
        raise refuse(path, "INVALID_DATE_TIME", message)

    return write


def canonical_instant(instant: datetime) -> str:
    """An aware datetime as it is stored: UTC, `Z`, no trailing zeros."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
