"""Canonical web links: http and https alone, a host that can exist, nobody's password."""

import re
from collections.abc import Mapping
from typing import Any

from schema.field_types.base import Write
from schema.field_types.composites import trimmed
from schema.field_types.contacts import Contact, compile_contacts
from schema.field_types.hosts import host
from schema.field_types.refusals import Problems, check_parts, shown, wrong_type
from schema.field_types.text import stripped
from schema.model import Field
from schema.problems import Invalid, refuse

MAX_URL = 2048
_PARTS = ("url", "label")
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?([^/?#]+)([^?#]*)(\?[^#]*)?(#.*)?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:@\[\]]+)(?::([0-9]{0,5}))?")
_REFUSED = re.compile(r'[\s<>"\\^`{|}]')
_DEFAULT_PORTS = {"http": 80, "https": 443}


def url(text: str, path: str) -> str:
    """The URL with its scheme and host in canonical form; the rest is not touched."""
    found = _URL.fullmatch(text) if text.isprintable() and not _REFUSED.search(text) else None
    if found is None:
        raise _invalid(path, text)
    if len(text) > MAX_URL:
        raise _too_long(path)
    scheme, authority, rest, query, fragment = found.groups(default="")
    scheme = scheme.lower()
    if scheme not in ("", *_DEFAULT_PORTS):
        raise refuse(path, "INVALID_URL", f"must be an http or https URL, not {shown(scheme)}")
    if "@" in authority:
        raise refuse(path, "INVALID_URL", "must not hold a user name or password")
    name, port = _authority(authority, bare=not scheme)
    if name is None or port is None:
        raise _invalid(path, text)
    scheme = scheme or "https"
    if rest == "/" and not query and not fragment:
        rest = ""
    shown_port = "" if port in (0, _DEFAULT_PORTS[scheme]) else f":{port}"
    canonical = f"{scheme}://{name}{shown_port}{rest}{query}{fragment}"
    if len(canonical) > MAX_URL:
        raise _too_long(path)
    return canonical


def _authority(authority: str, *, bare: bool) -> tuple[str | None, int | None]:
    """The host and the port, 0 where there is none; None for what is not valid."""
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        return None, None
    name = host(parts[1])
    if bare and name and "." not in name:
        return None, None
    if not parts[2]:
        return name, 0
    port = int(parts[2])
    return name, port if 1 <= port <= 65535 else None


def _invalid(path: str, raw: str) -> Invalid:
    message = f"must be a URL like https://example.com/path, or a domain, not {shown(raw)}"
    return refuse(path, "INVALID_URL", message)


def _too_long(path: str) -> Invalid:
    return refuse(path, "TOO_LONG", f"must have at most {MAX_URL:,} characters")


def link(raw: object, path: str) -> dict[str, str | None] | None:
    """One link, from a URL or an object of parts; None where it is empty."""
    if isinstance(raw, str):
        text = stripped(raw, path)
        return {"url": url(text, path), "label": None} if text else None
    if not isinstance(raw, dict):
        raise wrong_type(path, 'a URL, or {"url", "label"}', raw)
    check_parts(path, raw, _PARTS)
    problems = Problems()
    address = label = None
    with problems.collect():
        if raw.get("label") is not None:
            label = trimmed(raw["label"], f"{path}.label")
    with problems.collect():
        if raw.get("url") is not None and (text := stripped(raw["url"], f"{path}.url")):
            address = url(text, f"{path}.url")
    problems.raise_any()
    if address is not None:
        return {"url": address, "label": label}
    if label is not None:
        raise refuse(f"{path}.url", "REQUIRED", "a label needs a URL")
    return None


def _merge(old: dict[str, Any] | None, raw: dict[str, object], path: str) -> Any:
    return link({**(old or {}), **raw}, path)


def compile_links(_field: Field, _settings: Mapping[str, Any]) -> Write:
    return compile_contacts(
        Contact(
            rest="secondary",
            item=link,
            identity=lambda value: value["url"],
            wanted='a URL, or {"primary", "secondary": []}',
            merge=_merge,
        )
    )
