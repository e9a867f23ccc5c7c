"""API keys as text: `arm_<id hex>_<secret hex>`, made from 256 random bits, kept as a hash."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

_FORM = re.compile(r"arm_([0-9a-f]{1,32})_([0-9a-f]{32,128})", re.ASCII)
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its holder presents it; never logged."""

    api_key_id: UUID
    secret: str

    def __str__(self) -> str:
        return f"arm_{self.api_key_id.hex}_{self.secret}"

    def __repr__(self) -> str:
        return f"Key({self.api_key_id})"

    def digest(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def opens(self, digest: bytes) -> bool:
        """Whether it is the key of that hash, in a time that tells nothing."""
        return hmac.compare_digest(self.digest(), digest)


def new_key(api_key_id: UUID) -> Key:
    return Key(api_key_id, secrets.token_hex(_SECRET_BYTES))


def parse_key(text: str) -> Key | None:
    """None for what has not the form of a key; leading zeros of the id may be left out."""
    match = _FORM.fullmatch(text)
    return Key(UUID(int=int(match[1], 16)), match[2]) if match else None
