"""Canonical text, short and rich: no control characters, one kind of line end, a bounded length."""

import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import re2

from schema.field_types.base import Write
from schema.field_types.refusals import check_parts, shown, wrong_type
from schema.model import Field
from schema.problems import refuse

MAX_RICH_TEXT_BYTES = 1 << 20
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def clean(raw: object, path: str, max_length: int) -> str:
    """A text as it is stored, which may be empty; `max_length` counts code points."""
    if not isinstance(raw, str):
        raise wrong_type(path, "a string", raw)
    if not raw.isprintable():
        raw = _checked(raw, path)
    if len(raw) > max_length:
        message = f"must have at most {max_length:,} characters, this has {len(raw):,}"
        raise refuse(path, "TOO_LONG", message)
    return raw


def stripped(raw: object, path: str, wanted: str = "a string") -> str:
    """A text without surrounding space, which may be empty."""
    if not isinstance(raw, str):
        raise wrong_type(path, wanted, raw)
    return clean(raw, path, sys.maxsize).strip()


def _checked(raw: str, path: str) -> str:
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
    if found := _REFUSED.search(raw):
        code = f"U+{ord(found[0]):04X}"
        if _SURROGATE.match(found[0]):
            raise refuse(path, "INVALID_UNICODE", f"must not hold the lone surrogate {code}")
        message = f"must not hold control characters but newline and tab; found {code}"
        raise refuse(path, "CONTROL_CHARACTER", message)
    return raw


@lru_cache(maxsize=2048)
def pattern(expression: str) -> Any:
    """The compiled RE2 expression; ValueError, with the reason, where it is none."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error


def compile_text(_field: Field, settings: Mapping[str, Any]) -> Write:
    max_length: int = settings["max_length"]
    expression: str | None = settings["pattern"]

    def write(_old: object, raw: object, path: str) -> str | None:
        return clean(raw, path, max_length) or None

    if not expression:
        return write
    matches = pattern(expression).fullmatch

    def write_matching(_old: object, raw: object, path: str) -> str | None:
        text = clean(raw, path, max_length)
        if text and not matches(text):
            message = f"must match the pattern {shown(expression)}"
            raise refuse(path, "PATTERN_MISMATCH", message)
        return text or None

    return write_matching


def compile_rich_text(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(old: dict[str, str] | None, raw: object, path: str) -> dict[str, str] | None:
        if isinstance(raw, dict):
            check_parts(path, raw, ("markdown",))
            if "markdown" not in raw:
                return old
            path, raw = f"{path}.markdown", raw["markdown"]
            if raw is None:
                return None
        elif not isinstance(raw, str):
            raise wrong_type(path, 'a string of Markdown or {"markdown"}', raw)
        text = clean(raw, path, sys.maxsize)
        if len(text) * 4 > MAX_RICH_TEXT_BYTES and len(text.encode()) > MAX_RICH_TEXT_BYTES:
            raise refuse(path, "TOO_LARGE", "must have at most 1 MB (1,048,576 bytes) of UTF-8")
        return {"markdown": text} if text else None

    return write
