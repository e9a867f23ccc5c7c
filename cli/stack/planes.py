"""The one table of planes: their names, in the order of their ports."""

from pathlib import Path

PLANES: tuple[str, ...] = ("metadata", "records", "links", "artifacts", "events", "automation")

# A plane's process plays all its roles on a laptop; in a cluster each is a Deployment.
ROLES: tuple[str, ...] = ("serve", "relay", "work")


def service_role(plane: str) -> str:
    """The database role a plane's servicers log in as: it owns no table."""
    return f"armature_{plane}"


def worker_role(plane: str) -> str:
    """The database role of a plane's cross-workspace scans: it sees only queue tables."""
    return f"armature_{plane}_worker"


def present(root: Path, planes: tuple[str, ...] = PLANES) -> tuple[str, ...]:
    """Those of `planes` that this checkout has code for."""
    return tuple(plane for plane in planes if (root / "services" / plane / "__main__.py").exists())


def gateway_present(root: Path) -> bool:
    return (root / "gateway" / "__main__.py").exists()
