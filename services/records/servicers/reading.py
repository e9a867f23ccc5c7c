"""Answer the calls of RecordService that read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from armature.records.v1 import record_service_pb2 as pb

from kit import paging
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Database, Tx
from kit.errors import InvalidArgument, NotFound, ResourceExhausted
from planes.definitions import Definitions
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json
from schema.model import View, ViewType
from schema.problems import Invalid
from services.records import convert
from services.records.logic import calendar
from services.records.logic.rollup_reads import Sight
from services.records.model import Query
from services.records.operations import (
    counting,
    places,
    reads,
    refusals,
    rollup_reading,
    visibility,
)
from services.records.operations.linking import LinkIndex
from services.records.operations.usage import noted
from services.records.servicers import scope
from services.records.servicers.asking import (
    binding,
    find_view,
    projection_of,
    query_of,
    token_of,
    use_of,
    uuid_of,
)
from services.records.servicers.history import History
from services.records.servicers.sharing import shared
from services.records.servicers.singles import Kind, Singles
from services.records.store import queries

T = TypeVar("T")
_COUNTS = ("", "none", "estimated", "exact")


class Reading:
    """The reads; mixed into the one servicer."""

    _db: Database
    _definitions: Definitions
    history: History  # for reads of a moment past
    links: LinkIndex  # for filters that go through links

    async def _object(self, name: str, at_version: int) -> tuple[Workspace, CompiledObject]:
        """The object as the caller may see it; see `scope`."""
        target = await scope.reading(self._definitions, name, at_version)
        return target.workspace, target.object

    async def _resolved(
        self,
        name: str,
        at_version: int,
        resolve: Callable[[Workspace, CompiledObject], T],
        sight_of: Callable[[T], Sight] | None = None,
    ) -> tuple[Workspace, CompiledObject, T]:
        """The object and what `resolve` makes of it: asked for anew before a name is unknown. Of a
        read of many records, what its filter needs to know is known then, and the rollups that it
        tells of are as of now."""
        workspace, obj = await self._object(name, at_version)
        try:
            found = resolve(workspace, obj)
        except (Invalid, InvalidArgument, NotFound):
            version = workspace.version
            await self._definitions.refresh(current_caller().workspace_id)
            workspace, obj = await self._object(name, at_version)
            if workspace.version == version:
                raise
            found = resolve(workspace, obj)
        if sight_of is not None:
            sight = sight_of(found)
            await self._know(workspace, [sight.query])
            await rollup_reading.brought_up(self._db, workspace, [sight])
        return workspace, obj, found

    async def _know(self, workspace: Workspace, queries: Sequence[Query]) -> None:
        """UNAVAILABLE / LINKS_BEHIND where a filter goes through links that are not known yet."""
        await self.links.known(UUID(workspace.id), queries)

    async def GetRecord(
        self, request: pb.GetRecordRequest, context: Context
    ) -> pb.GetRecordResponse:
        workspace_id = current_caller().workspace_id
        wanted = uuid_of(request.id)
        workspace, obj, shown = await self._resolved(
            request.object, request.at_version, projection_of(request.fields)
        )
        if wanted is None:
            raise refusals.not_found(request.id)
        await rollup_reading.named_brought_up(self._db, workspace, obj, [wanted], shown)
        if request.HasField("as_of"):
            record = await self.history.read(
                self._db, obj, request, shown.names if shown is not None else ()
            )
            version = workspace.version
            return pb.GetRecordResponse(record=convert.read(record), metadata_version=version)
        kind = Kind(workspace_id, obj, request.fields, request.show_deleted, shown)
        found = await self._singles.read(kind, wanted)
        if found is None:
            raise refusals.not_found(request.id)
        record = found
        if shown is not None and shown.expand:
            async with self._db.reading(workspace_id) as tx:
                expanded = await reads.expand(tx, workspace_id, workspace, obj, shown, [record])
                record = expanded[0]
        return pb.GetRecordResponse(record=convert.read(record), metadata_version=workspace.version)

    @cached_property
    def _singles(self) -> Singles:
        return Singles(self._db)

    async def BatchGetRecords(
        self, request: pb.BatchGetRecordsRequest, context: Context
    ) -> pb.BatchGetRecordsResponse:
        _bounded(len(request.ids))
        workspace_id = current_caller().workspace_id
        wanted = {text: uuid_of(text) for text in request.ids}
        ids = sorted({i for i in wanted.values() if i is not None})
        workspace, obj, shown = await self._resolved(
            request.object, request.at_version, projection_of(request.fields)
        )
        await rollup_reading.named_brought_up(self._db, workspace, obj, ids, shown)
        async with self._db.reading(workspace_id) as tx:
            found = await queries.by_ids(
                tx, workspace_id, obj, ids, shown, show_deleted=request.show_deleted
            )
            known = list(found.values())
            expanded = await reads.expand(tx, workspace_id, workspace, obj, shown, known)
        by_id = {r.id: r for r in expanded}
        results = []
        for text in request.ids:
            record_id = wanted[text]
            record = by_id.get(record_id) if record_id is not None else None
            if record is None:
                results.append(convert.failed(refusals.not_found(text)))
            else:
                results.append(pb.BatchResult(record=convert.read(record)))
        return pb.BatchGetRecordsResponse(results=results, metadata_version=workspace.version)

    async def CheckNodes(
        self, request: pb.CheckNodesRequest, context: Context
    ) -> pb.CheckNodesResponse:
        _bounded(len(request.nodes))
        caller = current_caller()
        action = "update" if request.permission == "update" else "read"
        workspace = await self._definitions.seen(caller)
        if any(workspace.object(n.kind) is None for n in request.nodes):
            await self._definitions.refresh(caller.workspace_id)
            workspace = await self._definitions.seen(caller)
        ids = sorted({i for n in request.nodes if (i := uuid_of(n.id)) is not None})
        async with self._db.reading(caller.workspace_id) as tx:
            live = await visibility.live(tx, caller.workspace_id, workspace, ids)
        allowed = []
        for node in request.nodes:
            obj, record_id = workspace.object(node.kind), uuid_of(node.id)
            exists = obj is not None and record_id is not None and live.get(record_id) is obj
            allowed.append(obj is not None and exists and scope.granted(caller, obj, action))
        return pb.CheckNodesResponse(allowed=allowed)

    @shared
    async def QueryRecords(
        self, request: pb.QueryRecordsRequest, context: Context
    ) -> pb.QueryRecordsResponse:
        caller = current_caller()
        if request.count not in _COUNTS:
            message = "count is none, estimated or exact"
            raise InvalidArgument.at("COUNT_INVALID", "count", "UNKNOWN", message)
        if request.explain:
            caller.require("admin")
        limit = paging.clamp(request.page_size)

        def resolve(workspace: Workspace, obj: CompiledObject) -> tuple[Query, View | None]:
            view = find_view(workspace, obj, request.view, None)
            return query_of(workspace, obj, request, view, request.sort), view

        workspace, _, (query, view) = await self._resolved(
            request.object, request.at_version, resolve, lambda found: Sight(found[0])
        )
        bound = binding(request, view)
        if request.skip and request.page_token:
            message = "skip is for the first page; those after it go by page_token alone"
            raise InvalidArgument.at("SKIP_INVALID", "skip", "NOT_WITH_TOKEN", message)
        query = replace(
            query,
            show_deleted=request.show_deleted,
            limit=limit,
            after=paging.decode(request.page_token, *bound),
            use=use_of(workspace, request, view),
            skip=request.skip,
        )
        count: int | None = None
        with noted(caller.workspace_id, query.use) as why:
            async with self._db.reading(caller.workspace_id) as tx:
                query = await places.whole(tx, caller.workspace_id, query)
                page = await reads.page(tx, caller.workspace_id, workspace, query)
                if request.count == "estimated":
                    count = await counting.estimated(tx, caller.workspace_id, query)
            if request.count == "exact":
                count = await self._exact(workspace, query)
            why.append(page.why)
        answer = pb.QueryRecordsResponse(
            **convert.shown(page.records),
            next_page_token=token_of(page, bound),
            metadata_version=workspace.version,
        )
        if count is not None:
            answer.count = count
        if request.explain:
            plan: dict[str, Any] = {"segments": page.plan}
            if page.why:
                plan["view_entries"] = page.why
            answer.plan_json = jsonio.dumps(plan)
        return answer

    async def _exact(self, workspace: Workspace, query: Query) -> int:
        workspace_id = current_caller().workspace_id

        async def ask(tx: Tx) -> int:
            return await counting.exact(tx, workspace_id, workspace, query)

        return await counting.told(self._db, workspace_id, query, ask)

    @shared
    async def QueryCalendar(
        self, request: pb.QueryCalendarRequest, context: Context
    ) -> pb.QueryCalendarResponse:
        caller = current_caller()
        limit = paging.clamp(request.page_size, default=1000)

        def resolve(workspace: Workspace, obj: CompiledObject) -> tuple[Query, View | None]:
            view = find_view(workspace, obj, request.view, ViewType.CALENDAR)
            start, end = calendar.date_fields(obj, view, request.date_field, request.end_date_field)
            query = query_of(workspace, obj, request, view, start.name)
            span = calendar.span(start, request, query.context)
            document = calendar.filter_for(start, end, span)
            within = parse_json.parse(workspace, obj, document)
            return replace(query, tree=convert.both(query.tree, within)), view

        workspace, _, (query, view) = await self._resolved(
            request.object, request.at_version, resolve, lambda found: Sight(found[0])
        )
        bound = (*binding(request, view), getattr(request, "from"), request.to)
        query = replace(query, limit=limit, after=paging.decode(request.page_token, *bound))
        async with self._db.reading(caller.workspace_id) as tx:
            page = await reads.page(tx, caller.workspace_id, workspace, query)
        return pb.QueryCalendarResponse(
            **convert.shown(page.records),
            next_page_token=token_of(page, bound),
            metadata_version=workspace.version,
        )


def _bounded(count: int) -> None:
    if count > 1000:
        message = f"a batch has at most 1000 items, not {count}"
        raise ResourceExhausted("BATCH_TOO_LARGE", message, limit="1000")
