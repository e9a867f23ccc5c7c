"""Canonical e-mail addresses, by the grammar of RFC 5321 and 5322 alone: no look-up, no display."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from schema.field_types.base import Write
from schema.field_types.contacts import Contact, compile_contacts
from schema.field_types.hosts import domain
from schema.field_types.refusals import shown
from schema.field_types.text import stripped
from schema.model import Field
from schema.problems import refuse

_MAX_LOCAL, _MAX_ADDRESS = 64, 254  # octets
_ASCII_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+)*"
)
_QUOTED_LOCAL = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])+"')


def address(raw: object, path: str) -> str | None:
    """One address, lower case, its domain as A-labels; None where only space was sent."""
    text = stripped(raw, path, "an e-mail address as a string")
    if not text:
        return None
    local, at, host = text.rpartition("@")
    local = _lower(local)
    name = domain(host) if at and _is_local(local) else None
    if name is None or "." not in name or len(f"{local}@{name}".encode()) > _MAX_ADDRESS:
        message = (
            f"must be an e-mail address like ada@example.com, without a name, not {shown(raw)}"
        )
        raise refuse(path, "INVALID_EMAIL", message)
    return f"{local}@{name}"


def _lower(local: str) -> str:
    if local.isascii():
        return local.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())


def _is_local(local: str) -> bool:
    if len(local) > _MAX_LOCAL:
        return False
    if local.isascii():
        return bool(_ASCII_LOCAL.fullmatch(local) or _QUOTED_LOCAL.fullmatch(local))
    # Not printable: surrogates, every space but " ", and marks that only change the direction.
    if not local.isprintable() or len(local.encode()) > _MAX_LOCAL:
        return False
    return bool(_LOCAL.fullmatch(local))


def compile_emails(_field: Field, _settings: Mapping[str, Any]) -> Write:
    return compile_contacts(
        Contact(
            rest="additional",
            item=address,
            identity=lambda value: value,
            wanted='an e-mail address, or {"primary", "additional": []}',
        )
    )
