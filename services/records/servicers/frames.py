"""Write frames of what is watched, made once for all who are sent the same, and read positions.

A position is a fingerprint of the list that a client has, so any replica can say what that client
lacks, whatever became of the one that it came from.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from armature.records.v1 import record_watch_service_pb2 as pb

from kit import clock, paging
from kit.caller import Caller
from kit.errors import InvalidArgument
from schema import jsonio
from services.records import convert
from services.records.logic import windows
from services.records.logic.windows import MARK_BYTES, ChangeType, Entry, Group, Slice
from services.records.operations.evaluations import Evaluation, Plan

RESUME_SECONDS = 3600.0
_SAME_SECONDS = 30.0
_TYPES = {
    ChangeType.ADDED: pb.WATCH_CHANGE_TYPE_ADDED,
    ChangeType.UPDATED: pb.WATCH_CHANGE_TYPE_UPDATED,
    ChangeType.REMOVED: pb.WATCH_CHANGE_TYPE_REMOVED,
    ChangeType.MOVED: pb.WATCH_CHANGE_TYPE_MOVED,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a caller watches, and the names of what that depends on."""

    plan: Plan
    asked: str  # the request
    access: str  # what the caller may see
    alone: bool  # see Plan

    def void(self, other: "Target | Position") -> str:
        """Why what was shown of the other is void here; empty where it is not."""
        if self.asked != other.asked:
            return "query"
        if self.access != other.access:
            return "access"
        key = other.key if isinstance(other, Position) else other.plan.key
        return "" if key == self.plan.key else "definition"


class Position(msgspec.Struct, array_like=True, frozen=True):
    """What a client has, as its position says."""

    time: int
    asked: str
    access: str
    key: str
    marks: bytes  # of the records in its list

    def void(self, target: Target) -> str:
        if clock.now().timestamp() - self.time > RESUME_SECONDS:
            return "expired"
        return target.void(self)

    def known(self) -> set[bytes]:
        marks = self.marks
        return {marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)}


class Frames:
    """Writes what is shown; what several clients are sent alike is written once."""

    def __init__(self, target: Target, evaluation: Evaluation) -> None:
        self._target = target
        self._evaluation = evaluation
        self._version = target.plan.workspace.version

    def reset(self, reason: str) -> pb.WatchViewResponse:
        return self._frame("", reset=pb.WatchReset(reason=reason))

    def snapshot(self, shown: Slice) -> pb.WatchViewResponse:
        def make() -> pb.WatchViewResponse:
            records = [self._record(entry) for entry in shown.entries]
            groups = map(_group, shown.groups)
            snapshot = pb.WatchSnapshot(records=records, more=shown.more, groups=groups)
            return self._frame(self._position(shown), snapshot=snapshot)

        return _once(shown, 0, make)

    def diff(self, old: Slice, new: Slice) -> pb.WatchViewResponse:
        def make() -> pb.WatchViewResponse:
            changes = [
                pb.WatchChange(
                    type=_TYPES[one.type],
                    id=str(one.entry.id),
                    index=one.index,
                    record=None if one.type is ChangeType.REMOVED else self._record(one.entry),
                )
                for one in windows.changes(old.entries, new.entries)
            ]
            groups = map(_group, windows.changed_groups(old.groups, new.groups))
            diff = pb.WatchDiff(changes=changes, more=new.more, groups=groups)
            return self._frame(self._position(new), diff=diff)

        return _once(new, old.number, make)

    def resumed(self, shown: Slice, had: Position) -> pb.WatchViewResponse:
        known = had.known()
        resumed = pb.WatchResumed(
            ids=[str(entry.id) for entry in shown.entries],
            records=[self._record(e) for e in shown.entries if e.mark not in known],
            more=shown.more,
            groups=map(_group, shown.groups),
        )
        return self._frame(self._position(shown), resumed=resumed)

    def sign_of_life(self, shown: Slice) -> pb.WatchViewResponse:
        return self._frame(self._position(shown))

    def _frame(self, position: str, **frame: Any) -> pb.WatchViewResponse:
        return pb.WatchViewResponse(position=position, metadata_version=self._version, **frame)

    def _record(self, entry: Entry) -> Any:
        return convert.read(self._evaluation.read(entry))

    def _position(self, shown: Slice) -> str:
        target, at = self._target, int(clock.now().timestamp())
        position = Position(at, target.asked, target.access, target.plan.key, shown.marks())
        return paging.encode(position, "watch", str(target.plan.workspace_id))


def _once(
    shown: Slice, number: int, make: Callable[[], pb.WatchViewResponse]
) -> pb.WatchViewResponse:
    """The frame that was made before, unless its position is of long ago."""
    now = time.monotonic()
    made, found = shown.memo.get(number, (now, None))
    if found is None or now - made > _SAME_SECONDS:
        made, found = shown.memo[number] = now, make()
    return cast(pb.WatchViewResponse, found)


def _group(group: Group) -> pb.WatchGroup:
    return pb.WatchGroup(
        key_json=jsonio.dumps(group.key),
        label=group.label,
        color=group.color,
        count=group.count,
        values_json=jsonio.dumps(group.values),
    )


def came_from(request: pb.WatchViewRequest, caller: Caller) -> Position | None:
    """What the client has, if it says so; INVALID_ARGUMENT / WATCH_POSITION_INVALID."""
    if not request.position:
        return None
    try:
        found = paging.decode(request.position, "watch", str(caller.workspace_id))
        return msgspec.convert(found, Position)
    except (InvalidArgument, msgspec.ValidationError):
        raise InvalidArgument.at(
            "WATCH_POSITION_INVALID",
            "position",
            "INVALID",
            "position is none that a watch has given out; leave it empty to begin anew",
        ) from None
