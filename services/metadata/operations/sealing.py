"""Seal a secret within a response kept for repeats, so that no table holds it in the clear."""

import base64
import hashlib

from cryptography.fernet import Fernet


class Seal:
    """Opens only with the platform's secret."""

    def __init__(self, secret: str) -> None:
        key = hashlib.sha256(b"sealed-response:" + secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        return self._fernet.decrypt(sealed.encode()).decode()
