"""The passwords and keys of a stack: made once, kept in secrets.json, readable by us alone."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from cli.stack.planes import PLANES, service_role, worker_role
from cli.stack.state import StackDirectory, read_json, write_private_json

SUPERUSER = "postgres"
OWNER = "armature_owner"
NATS_USER = "armature"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the processes of one stack prove themselves with."""

    database_passwords: dict[str, str]  # by role, the superuser and the owner among them
    nats_password: str
    s3_access_key: str
    s3_secret_key: str
    internal_secret: str
    workspace_id: str
    api_key: str


def database_roles() -> tuple[str, ...]:
    """Every role that logs in to the database."""
    planes = (role(plane) for plane in PLANES for role in (service_role, worker_role))
    return (SUPERUSER, OWNER, *planes)


def load(directory: StackDirectory) -> Credentials:
    """Read them, first making those that are not there yet: a plane may be newer than the file."""
    kept = read_json(directory.secrets) or {}
    complete = dict(kept)
    for name, make in _makers().items():
        complete.setdefault(name, make())
    if complete != kept:
        write_private_json(directory.secrets, complete)
    return Credentials(
        database_passwords={r: complete[f"database_password_{r}"] for r in database_roles()},
        nats_password=complete["nats_password"],
        s3_access_key=complete["s3_access_key"],
        s3_secret_key=complete["s3_secret_key"],
        internal_secret=complete["internal_secret"],
        workspace_id=complete["workspace_id"],
        api_key=complete["api_key"],
    )


def _makers() -> dict[str, Callable[[], str]]:
    def password() -> str:
        return secrets.token_hex(16)  # letters and digits: needs no escaping in a URL

    makers = {f"database_password_{role}": password for role in database_roles()}
    return makers | {
        "nats_password": password,
        "s3_access_key": lambda: secrets.token_hex(10).upper(),
        "s3_secret_key": lambda: secrets.token_hex(20),
        "internal_secret": lambda: secrets.token_hex(32),
        "workspace_id": lambda: str(uuid4()),
        "api_key": lambda: f"arm_{secrets.token_hex(8)}_{secrets.token_hex(24)}",
    }
