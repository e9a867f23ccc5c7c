"""Answer RecordWatchService: frames of what is watched, made once for all who watch the same.

A stream holds what it has sent and looks at what stands now: what happens while a client reads
becomes one frame, and nothing is queued. Its position is a fingerprint of the list that the client
has, so any replica can say what that client lacks, whatever became of the one that it came from.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
from armature.records.v1 import record_watch_service_pb2 as pb
from armature.records.v1 import record_watch_service_pb2_grpc as rpc

from kit import clock, paging
from kit.caller import Caller, current_caller, set_caller
from kit.calls import Authenticate, Context
from kit.db import Database
from kit.errors import InvalidArgument, ServiceError, Unavailable
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters.resolve import resolve_relative
from services.records import convert
from services.records.logic import windows
from services.records.logic.windows import MARK_BYTES, ChangeType, Entry, Group, Slice
from services.records.model import Query
from services.records.operations.watches import Evaluation, Plan, Watches
from services.records.servicers.reading import Reading, Watched, watched

HEARTBEAT_SECONDS = 15.0
RESUME_SECONDS = 3600.0
_RECHECK_SECONDS = 4.0
_UNSURE_SECONDS = 60.0  # without an answer about the caller's rights before a stream ends
_MOST = 500
_SAME_SECONDS = 30.0
_TYPES = {
    ChangeType.ADDED: pb.WATCH_CHANGE_TYPE_ADDED,
    ChangeType.UPDATED: pb.WATCH_CHANGE_TYPE_UPDATED,
    ChangeType.REMOVED: pb.WATCH_CHANGE_TYPE_REMOVED,
    ChangeType.MOVED: pb.WATCH_CHANGE_TYPE_MOVED,
}


@dataclass(frozen=True, slots=True)
class _Target:
    """What a caller watches, and the names of what that depends on."""

    plan: Plan
    asked: str  # the request
    access: str  # what the caller may see

    def void(self, other: "_Target | _Position") -> str:
        """Why what was shown of the other is void here; empty where it is not."""
        if self.asked != other.asked:
            return "query"
        if self.access != other.access:
            return "access"
        key = other.key if isinstance(other, _Position) else other.plan.key
        return "" if key == self.plan.key else "definition"


class _Position(msgspec.Struct, array_like=True, frozen=True):
    """What a client has, as its position says."""

    time: int
    asked: str
    access: str
    key: str
    marks: bytes  # of the records in its list

    def void(self, target: _Target) -> str:
        if clock.now().timestamp() - self.time > RESUME_SECONDS:
            return "expired"
        return target.void(self)

    def known(self) -> set[bytes]:
        marks = self.marks
        return {marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)}


class WatchServicer(Reading, rpc.RecordWatchServiceServicer):
    def __init__(
        self, db: Database, definitions: Definitions, watches: Watches, authenticate: Authenticate
    ) -> None:
        self._db = db
        self._definitions = definitions
        self._watches = watches
        self._authenticate = authenticate

    async def WatchView(
        self, request: pb.WatchViewRequest, context: Context
    ) -> AsyncIterator[pb.WatchViewResponse]:
        caller = current_caller()
        came_with = _position(request, caller)
        target = await self._target(request)
        void = came_with.void(target) if came_with is not None else ""
        while True:
            async with self._watches.of(target.plan) as (topic, evaluation):
                frames, definitions = _Frames(target, evaluation), topic.definitions
                shown = await _first(evaluation)
                if void:
                    yield frames.reset(void)
                if came_with is not None and not void:
                    yield frames.resumed(shown, came_with)
                else:
                    yield frames.snapshot(shown)
                came_with = None
                said = checked = sure = time.monotonic()
                while True:
                    changed, now = evaluation.changed, time.monotonic()
                    if evaluation.failure is not None:
                        raise evaluation.failure
                    current = evaluation.shown or shown
                    if current is not shown:
                        yield frames.diff(shown, current)
                        shown, said = current, now
                    elif now - said >= HEARTBEAT_SECONDS:
                        yield frames.sign_of_life(shown)
                        said = now
                    if now - checked >= _RECHECK_SECONDS or topic.definitions != definitions:
                        checked, definitions = now, topic.definitions
                        fresh = await self._again(request, caller)
                        if fresh is None and now - sure < _UNSURE_SECONDS:
                            fresh = target
                        elif fresh is None:
                            raise _unsure()
                        else:
                            sure = now
                        if void := target.void(fresh):
                            target = fresh
                            break
                        evaluation.renew(fresh.plan)
                    # Its timeout is no error, and it makes no task: this runs for every frame.
                    await asyncio.wait([changed], timeout=checked + _RECHECK_SECONDS - now)

    async def _target(self, request: pb.WatchViewRequest) -> _Target:
        """What the request means for the caller as of now."""
        limit = paging.clamp(request.page_size, largest=_MOST)

        def resolve(workspace: Workspace, obj: CompiledObject) -> Watched:
            return watched(workspace, obj, request, limit)

        workspace, obj, found = await self._resolved(request.object, request.at_version, resolve)
        caller = current_caller()
        plan = Plan(
            "", caller.workspace_id, workspace, found.query, found.group_field, found.measures
        )
        asked = [
            request.object, request.view, request.sort, request.fields, limit,
            request.selection.SerializeToString(deterministic=True),
        ]  # fmt: skip
        access = caller.access or b""
        by_person = b'"me"' in access or _depends_on_person(found.query)
        seen = [access, caller.principal_id if by_person else ""]
        context = found.query.context
        defined = [
            caller.workspace_id, obj.definition, found.view, context.time_zone, context.week_start,
            0 if plan.alone else workspace.version,
        ]  # fmt: skip
        names = _name(asked), _name(seen)
        return _Target(replace(plan, key=_name([*names, *defined])), *names)

    async def _again(self, request: pb.WatchViewRequest, caller: Caller) -> _Target | None:
        """The target by the caller's rights and the definitions of now; None while nobody can say.
        Whatever a new call would be refused with is raised."""
        try:
            who = await self._authenticate(caller.credential)
            now = replace(caller, permissions=who.permissions, access=who.access, role=who.role)
            set_caller(now)
            return await self._target(request)
        except ServiceError as exc:
            if exc.retryable:
                return None
            raise


class _Frames:
    """Writes what is shown; what several clients are sent alike is written once."""

    def __init__(self, target: _Target, evaluation: Evaluation) -> None:
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

    def resumed(self, shown: Slice, had: _Position) -> pb.WatchViewResponse:
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
        position = _Position(at, target.asked, target.access, target.plan.key, shown.marks())
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


def _name(parts: list[Any]) -> str:
    """A short name for what these values say."""
    digest = hashlib.sha256(msgspec.json.encode(parts)).digest()[:12]
    return base64.urlsafe_b64encode(digest).decode()


def _depends_on_person(query: Query) -> bool:
    if query.tree is None:
        return False
    one, other = (replace(query.context, me=me) for me in ("one", "other"))
    return bool(resolve_relative(query.tree, one) != resolve_relative(query.tree, other))


def _position(request: pb.WatchViewRequest, caller: Caller) -> _Position | None:
    if not request.position:
        return None
    try:
        found = paging.decode(request.position, "watch", str(caller.workspace_id))
        return msgspec.convert(found, _Position)
    except (InvalidArgument, msgspec.ValidationError):
        raise InvalidArgument.at(
            "WATCH_POSITION_INVALID",
            "position",
            "INVALID",
            "position is none that a watch has given out; leave it empty to begin anew",
        ) from None


async def _first(evaluation: Evaluation) -> Slice:
    """What is shown first, once that is known."""
    while evaluation.shown is None:
        changed = evaluation.changed
        if evaluation.failure is not None:
            raise evaluation.failure
        await asyncio.wait([changed])
    return evaluation.shown


def _unsure() -> ServiceError:
    return Unavailable("UNREACHABLE", "what you may see can't be checked now; try again")
