"""Say what the gateway can be told: where it listens, whom it dials, and its limits."""

from dataclasses import dataclass

from gateway.planes import PLANES
from kit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Settings):
    """The gateway's own settings, beside the addresses of the planes."""

    address: str = "127.0.0.1:7700"
    max_body_bytes: int = 10 * 1024 * 1024
    rate_limit_per_second: float = 0.0  # of each credential; 0 for none
    read_timeout_seconds: float = 10.0
    write_timeout_seconds: float = 30.0
    allowed_origins: tuple[str, ...] = ()  # of browsers; "*" for any
    gzip_level: int = 1  # 0 for none
    ready_planes: tuple[str, ...] = PLANES  # that /readyz waits for
    max_connections: int = 4096  # more wait
    trusted_proxies: int = 0  # in front of us: so many of X-Forwarded-For's last entries are true
