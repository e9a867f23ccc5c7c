"""Carry who is calling, and what caused the call, from the interceptor to the servicer."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from kit.errors import PermissionDenied

NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to a change: the root of the chain, the event right before, how deep we are, and
    the (rule, record) pairs on the way, by which the loop guard knows its own."""

    root_id: str = ""
    causation_id: str = ""
    depth: int = 0
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal of one workspace, with what it may do there."""

    workspace_id: UUID
    principal_id: str
    kind: str  # user | api_key | automation | import | field_job | system
    name: str
    permissions: frozenset[str] = frozenset()  # of read, write, schema, rules, admin
    operator: bool = False
    role: str = ""
    cause: Cause = field(default_factory=Cause)
    internal: bool = False  # a plane acts as the principal: its cause and actor are believed
    credential: str = ""  # what the caller presented, to pass on to other planes; never logged
    # What a custom role may do with which records: a document that whoever keeps records
    # understands, the same bytes as long as it says the same. None: the permissions say it all.
    access: bytes | None = None
    # The feature flags that are on for the principal, by key: a JSON object, read by kit.flags.
    flags: bytes = b""
    # Where a person's days and weeks begin, if they said so; empty: as the workspace has it.
    time_zone: str = ""
    week_start: str = ""

    def actor(self) -> Mapping[str, str]:
        """Who did it, as events and records keep it."""
        return {"kind": self.kind, "id": self.principal_id, "name": self.name}

    def require(self, permission: str) -> None:
        """PERMISSION_DENIED / PERMISSION_REQUIRED unless the caller has it."""
        if permission not in self.permissions:
            raise PermissionDenied(
                "PERMISSION_REQUIRED",
                f"this needs the permission {permission!r}, which the role {self.role!r} lacks",
                permission=permission,
            )

    def require_plane(self) -> None:
        """PERMISSION_DENIED / PLANE_REQUIRED unless a plane itself calls, in nobody's name."""
        if not self.internal or self.kind != "system":
            raise PermissionDenied("PLANE_REQUIRED", "only planes may make this call")

    def __repr__(self) -> str:  # credentials stay out of logs and tracebacks
        return f"Caller({self.workspace_id}, {self.kind} {self.principal_id})"


_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    return _caller.get()


def caller_if_known() -> Caller | None:
    """None where nobody has been identified (yet)."""
    return _caller.get(None)


def set_caller(caller: Caller) -> None:
    _caller.set(caller)
