"""Tell what whoever a run would act as may not do: before it is frozen, rather than in each run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schema.access import parse_access, restrict
from schema.compiled import CompiledObject, Workspace
from schema.problems import Problem
from services.automation.model import ActionType

WRITE = "write"
# What a step does with records of its object; the other steps that change things need write alone.
_ON_RECORDS: dict[ActionType, tuple[str, ...]] = {
    ActionType.CREATE_RECORD: ("create",),
    ActionType.UPDATE_RECORD: ("update",),
    ActionType.UPSERT_RECORD: ("create", "update"),
    ActionType.DELETE_RECORD: ("delete",),
    ActionType.FIND_RECORDS: ("read",),
}
_WRITES = {
    ActionType.CREATE_RECORD,
    ActionType.UPDATE_RECORD,
    ActionType.UPSERT_RECORD,
    ActionType.DELETE_RECORD,
    ActionType.CREATE_NOTE,
    ActionType.CREATE_TODO,
    ActionType.LINK,
    ActionType.UNLINK,
}


@dataclass(frozen=True, slots=True)
class Permits:
    """Permissions, and for a role of the workspace's own what it grants on which objects."""

    permissions: frozenset[str]
    access: bytes | None = None

    def seen(self, workspace: Workspace) -> Workspace:
        """The workspace with the objects and fields that the role shows."""
        if self.access is None:
            return workspace
        return restrict(workspace, parse_access(self.access), "")

    def problem(
        self,
        kind: ActionType,
        given: Mapping[str, Any],
        workspace: Workspace,
        subject: CompiledObject | None,
        path: str,
    ) -> Problem | None:
        """What a step lacks; `subject` is the object of what starts it."""
        if kind in _WRITES and WRITE not in self.permissions:
            message = f"{kind} needs the permission {WRITE!r}, which you lack: runs act as you"
            return Problem(path, "PERMISSION_MISSING", message)
        named = given.get("object")
        obj = workspace.object(named) if isinstance(named, str) and named else subject
        if self.access is None or obj is None:
            return None
        granted = parse_access(self.access).objects.get(obj.id)
        actions = granted.actions if granted else ()
        for action in _ON_RECORDS.get(kind, ()):
            if action not in actions:
                message = f"your role does not grant {action} on {obj.name}, and runs act as you"
                return Problem(path, "PERMISSION_MISSING", message)
        return None


ANYTHING = Permits(frozenset({WRITE}))
