"""Sign webhooks as Standard Webhooks says, and make and keep their secrets."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "whsec_"
_NONCE = 12
_SEALED = "sealed:"


def new_secret() -> str:
    """whsec_ and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of webhook-signature: one v1 signature for each secret, the newest first."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that a receiver verifies."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, message_id, timestamp, body),
    }


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def is_sealed(text: str) -> bool:
    """Whether it is what `seal_text` makes, as far as its form tells."""
    return text.startswith(_SEALED)


class Sealer:
    """Encrypts secrets at rest under a key made from the platform's own secret."""

    def __init__(self, platform_secret: str) -> None:
        known = platform_secret.encode()
        self._cipher = AESGCM(hashlib.sha256(b"webhook-secrets:" + known).digest())
        self._tokens = hashlib.sha256(b"webhook-tokens:" + known).digest()

    def token(self, bound_to: str) -> str:
        """The secret part of a URL: the same whenever it is made, so that nothing need keep it."""
        made = hmac.digest(self._tokens, bound_to.encode(), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    def seal(self, secret: str, bound_to: str) -> bytes:
        """Readable again only with the same `bound_to`: a row copied elsewhere stays shut."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> str:
        plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
        return plain.decode()

    def seal_text(self, secret: str, bound_to: str) -> str:
        """`seal` for what stands among other texts."""
        return _SEALED + base64.b64encode(self.seal(secret, bound_to)).decode()

    def open_text(self, text: str, bound_to: str) -> str:
        """A text that was sealed; any other, such as one of before texts were sealed, as it is.
        InvalidTag for one that was sealed under another secret or bound to something else."""
        if not is_sealed(text):
            return text
        return self.open(base64.b64decode(text.removeprefix(_SEALED)), bound_to)
