"""Sign and verify the credentials that planes use among themselves.

An internal credential says "I am this platform, acting as this principal", for a few minutes.
It is a JWT (HS256) under the secret that all planes share, with an issuer of its own so that it
can't be taken for a user's token. API keys and users' JWTs are the metadata plane's business.
"""

import time
from dataclasses import dataclass
from functools import lru_cache

import jwt

from kit.errors import Unauthenticated

_ISSUER = "armature-internal"
_LIFETIME = 600  # seconds
_ROUNDING = 120  # tokens of one principal stay equal this long, so that caches of them work


@dataclass(frozen=True, slots=True)
class Internal:
    """Who a plane acts as; without a workspace, it is the plane itself."""

    plane: str
    workspace_id: str = ""
    principal_id: str = ""


def issue(secret: str, subject: Internal) -> str:
    return _issued(secret, subject, int(time.time()) // _ROUNDING * _ROUNDING)


@lru_cache(maxsize=4096)
def _issued(secret: str, subject: Internal, start: int) -> str:
    claims = {
        "iss": _ISSUER,
        "exp": start + _LIFETIME,
        "plane": subject.plane,
        "ws": subject.workspace_id,
        "sub": subject.principal_id,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def is_internal(credential: str) -> bool:
    """Whether it claims to be one of ours; `verify` decides."""
    if credential.count(".") != 2:
        return False
    try:
        claims = jwt.decode(credential, options={"verify_signature": False})
    except jwt.PyJWTError:
        return False
    return bool(claims.get("iss") == _ISSUER)


def verify(secret: str, credential: str) -> Internal:
    """The subject; UNAUTHENTICATED when the signature, issuer or time is wrong."""
    try:
        claims = jwt.decode(
            credential, secret, algorithms=["HS256"], issuer=_ISSUER, options={"require": ["exp"]}
        )
    except jwt.PyJWTError as exc:
        raise Unauthenticated("CREDENTIALS_INVALID", "the credentials are not valid") from exc
    return Internal(str(claims["plane"]), str(claims["ws"]), str(claims["sub"] or ""))
