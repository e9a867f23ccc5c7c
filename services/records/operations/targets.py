"""Say whom a call is for and which object it is about."""

from dataclasses import dataclass
from uuid import UUID

from kit.caller import Caller
from schema.compiled import CompiledObject, Workspace


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a call is for and which object it is about, both as the caller may see them."""

    caller: Caller
    workspace: Workspace
    object: CompiledObject

    @property
    def full(self) -> CompiledObject:
        """The object in full: for indexes, statistics, constraints and events; never to answer."""
        return self.object.full

    @property
    def restricted(self) -> bool:
        """Whether a custom role may hide something of the object."""
        return self.object.base is not None

    @property
    def workspace_id(self) -> UUID:
        return self.caller.workspace_id

    @property
    def object_id(self) -> UUID:
        return UUID(self.object.id)
