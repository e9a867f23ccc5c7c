"""Sign an upload URL that takes exactly the bytes announced: their length and their checksum.

The minio SDK signs the host alone. Here the headers that say how many bytes, and which, are signed
as well (AWS Signature Version 4, by query), so that the store itself refuses others.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    endpoint: str
    access_key: str
    secret_key: str
    region: str

    def put(self, path: str, headers: Mapping[str, str], now: datetime, seconds: int) -> str:
        """A URL to PUT to, good with exactly these headers."""
        parts = urlsplit(self.endpoint)
        signed = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc}
        names = ";".join(sorted(signed))
        date, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date}/{self.region}/s3/aws4_request"
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names,
        }
        written = "&".join(f"{k}={quote(v, safe='')}" for k, v in sorted(query.items()))
        location = quote(f"{parts.path.rstrip('/')}/{path}", safe="/-_.~")
        lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
        canonical = "\n".join(["PUT", location, written, *lines, "", names, "UNSIGNED-PAYLOAD"])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self.secret_key}".encode()
        for part in (date, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{parts.scheme}://{parts.netloc}{location}?{written}&X-Amz-Signature={signature}"


def checksum_header(sha256: str) -> str:
    """The value of x-amz-checksum-sha256 for a checksum in hex."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()
