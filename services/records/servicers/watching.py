"""Answer RecordWatchService: a stream of frames, for as long as the client stays and may see them.

A stream holds what it has sent and looks at what stands now: what happens while a client reads
becomes one frame, and nothing is queued.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
from armature.records.v1 import record_watch_service_pb2 as pb
from armature.records.v1 import record_watch_service_pb2_grpc as rpc

from kit import paging
from kit.caller import Caller, current_caller, set_caller
from kit.calls import Authenticate, Context
from kit.db import Database
from kit.errors import ServiceError, Unavailable
from planes.definitions import Definitions
from schema.compiled import CompiledObject, Workspace
from schema.filters.resolve import resolve_relative
from schema.model import Field, View, ViewType
from services.records.logic import viewing
from services.records.logic.rollup_reads import Sight
from services.records.logic.windows import Slice
from services.records.model import Query
from services.records.operations.boards import Measure
from services.records.operations.evaluations import Evaluation, Plan
from services.records.operations.linking import LinkIndex
from services.records.operations.watches import Watches
from services.records.servicers.asking import find_view, query_of, use_of
from services.records.servicers.boarding import measures_of
from services.records.servicers.frames import Frames, Target, came_from
from services.records.servicers.reading import Reading

HEARTBEAT_SECONDS = 15.0
_RECHECK_SECONDS = 4.0
_UNSURE_SECONDS = 60.0  # without an answer about the caller's rights before a stream ends
_MOST = 500


class Watched(NamedTuple):
    """What a request to watch selects; of a kanban view also what its groups are told by."""

    query: Query
    view: View | None
    group_field: Field | None
    measures: tuple[Measure, ...]


class WatchServicer(Reading, rpc.RecordWatchServiceServicer):
    def __init__(
        self,
        db: Database,
        definitions: Definitions,
        watches: Watches,
        authenticate: Authenticate,
        links: LinkIndex,
    ) -> None:
        self._db = db
        self._definitions = definitions
        self._watches = watches
        self._authenticate = authenticate
        self.links = links

    async def WatchView(
        self, request: pb.WatchViewRequest, context: Context
    ) -> AsyncIterator[pb.WatchViewResponse]:
        caller = current_caller()
        came_with = came_from(request, caller)
        target = await self._target(request)
        void = came_with.void(target) if came_with is not None else ""
        while True:
            async with self._watches.of(target.plan) as (topic, evaluation):
                frames, definitions = Frames(target, evaluation), topic.definitions
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
                        fresh = await self._again(request, caller, target)
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

    async def _target(self, request: pb.WatchViewRequest) -> Target:
        """What the request means for the caller as of now."""
        limit = paging.clamp(request.page_size, largest=_MOST)

        def resolve(workspace: Workspace, obj: CompiledObject) -> Watched:
            return watched(workspace, obj, request, limit)

        def sight_of(found: Watched) -> Sight:
            fields = [found.group_field, *(one.field for one in found.measures)]
            return Sight(found.query, fields=fields)

        workspace, obj, found = await self._resolved(
            request.object, request.at_version, resolve, sight_of
        )
        caller = current_caller()
        plan = Plan(
            "", caller.workspace_id, workspace, found.query, found.group_field, found.measures
        )
        asked = [
            request.object, request.view, request.sort, request.fields, limit,
            request.selection.SerializeToString(deterministic=True),
        ]  # fmt: skip
        access, alone = caller.access or b"", plan.alone
        by_person = b'"me"' in access or _depends_on_person(found.query)
        seen = [access, caller.principal_id if by_person else ""]
        context = found.query.context
        defined = [
            caller.workspace_id, obj.definition, found.view, context.time_zone, context.week_start,
            0 if alone else workspace.version,
        ]  # fmt: skip
        names = _name(asked), _name(seen)
        return Target(replace(plan, key=_name([*names, *defined])), *names, alone)

    async def _again(
        self, request: pb.WatchViewRequest, caller: Caller, target: Target
    ) -> Target | None:
        """The target by the caller's rights and the definitions of now; None while nobody can say.
        Whatever a new call would be refused with is raised."""
        try:
            who = await self._authenticate(caller.credential)
            now = replace(caller, permissions=who.permissions, access=who.access, role=who.role)
            known = current_caller()
            set_caller(now)
            if target.alone and (known.permissions, known.access) == (now.permissions, now.access):
                workspace = await self._definitions.seen(now)
                if workspace is target.plan.workspace:
                    return target  # nothing that it was made of is another
            return await self._target(request)
        except ServiceError as exc:
            if exc.retryable:
                return None
            raise


def watched(workspace: Workspace, obj: CompiledObject, request: Any, limit: int) -> Watched:
    """What is watched, with the first records that a query of the same would answer."""
    view = find_view(workspace, obj, request.view, None)
    query = query_of(workspace, obj, request, view, request.sort)
    query = replace(query, limit=limit, use=use_of(workspace, request, view))
    group_field = None
    if view is not None and view.type is ViewType.KANBAN:
        group_field = obj.fields_by_id.get(view.group_field_id)
        if group_field is not None and not viewing.groups_boards(group_field):
            group_field = None
    measures = tuple(measures_of(obj, view, ())) if group_field is not None else ()
    return Watched(query, view, group_field, measures)


def _name(parts: list[Any]) -> str:
    """A short name for what these values say."""
    digest = hashlib.sha256(msgspec.json.encode(parts)).digest()[:12]
    return base64.urlsafe_b64encode(digest).decode()


def _depends_on_person(query: Query) -> bool:
    if query.tree is None:
        return False
    one, other = (replace(query.context, me=me) for me in ("one", "other"))
    return bool(resolve_relative(query.tree, one) != resolve_relative(query.tree, other))


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
