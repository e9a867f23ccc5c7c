"""Canonical internet names: lower-case A-labels for domains, compressed addresses for hosts."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_LOOSE_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_MAX_DOMAIN = 253


def domain(raw: str, *, underscores: bool = False) -> str | None:
    """The domain as lower-case A-labels, or None where it is no valid name of a host."""
    name = raw.lower() if raw.isascii() else raw
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            return None
    label = _LOOSE_LABEL if underscores else _LABEL
    labels = name.split(".")
    if len(name) > _MAX_DOMAIN or not all(label.fullmatch(part) for part in labels):
        return None
    return None if labels[-1].isdigit() else name


def host(raw: str) -> str | None:
    """A host as in a URL: a domain, an IPv4 address or an IPv6 address in brackets."""
    if raw.startswith("["):
        try:
            return f"[{IPv6Address(raw[1:-1]).compressed}]" if raw.endswith("]") else None
        except AddressValueError:
            return None
    if name := domain(raw, underscores=True):
        return name
    try:
        return str(IPv4Address(raw))
    except AddressValueError:
        return None
