"""Verify users' tokens against their issuer's keys (OpenID Connect)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from jwt import PyJWK, PyJWKClient, PyJWKSet

from kit.errors import Unauthenticated, Unavailable

WORKSPACE_CLAIM = "armature_workspace"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_LEEWAY = 30  # seconds that clocks may differ
_FETCH_SECONDS = 5


class Oidc:
    """One issuer, whose tokens for one audience are believed."""

    def __init__(
        self, issuer: str, audience: str, *, jwks_url: str = "", jwks_file: str = ""
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._find_key: Callable[[str], PyJWK]
        if jwks_file:
            self._find_key = _from_file(Path(jwks_file))
        else:
            client = PyJWKClient(jwks_url, timeout=_FETCH_SECONDS, lifespan=300)
            self._find_key = client.get_signing_key_from_jwt

    async def verify(self, token: str) -> tuple[str, UUID]:
        """The subject and the workspace that the token names; UNAUTHENTICATED for any other."""
        try:
            jwt.get_unverified_header(token)
            key = await asyncio.to_thread(self._find_key, token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            return str(claims["sub"]), UUID(str(claims[WORKSPACE_CLAIM]))
        except jwt.PyJWKClientConnectionError as exc:
            raise Unavailable("UNREACHABLE", "the issuer of users' tokens does not answer") from exc
        except (jwt.PyJWTError, KeyError, ValueError) as exc:
            raise Unauthenticated("CREDENTIALS_INVALID", "the credentials are not valid") from exc


def _from_file(path: Path) -> Callable[[str], PyJWK]:
    keys = PyJWKSet.from_json(path.read_text(encoding="utf-8"))

    def find(token: str) -> PyJWK:
        return keys[jwt.get_unverified_header(token).get("kid", "")]

    return find
