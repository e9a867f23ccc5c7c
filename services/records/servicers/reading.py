"""Answer the calls of RecordService that read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
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
from schema.filters.tree import Tree
from schema.model import Field, FieldType, View, ViewType
from schema.problems import Invalid, nearest
from schema.sorts import parse_sort
from services.records import convert
from services.records.logic import calendar, projection, viewing
from services.records.logic.places import short
from services.records.model import Page, Projection, Query
from services.records.operations import (
    boards,
    counting,
    places,
    reads,
    rollups,
    visibility,
    writes,
)
from services.records.operations.boards import Measure
from services.records.operations.linking import LinkIndex
from services.records.operations.usage import noted
from services.records.servicers import scope
from services.records.servicers.history import History
from services.records.servicers.sharing import shared
from services.records.servicers.singles import Kind, Singles
from services.records.store import queries

T = TypeVar("T")
_COUNTS = ("", "none", "estimated", "exact")
_FUNCTIONS = ("count", "sum", "avg", "min", "max")
_MEASURABLE = {FieldType.NUMBER, FieldType.DECIMAL, FieldType.RATING, FieldType.CURRENCY}


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
        ids: Sequence[UUID] | None = None,
    ) -> tuple[Workspace, CompiledObject, T]:
        """The object and what `resolve` makes of it: asked for anew before a name is unknown. The
        rollups of what may be read, the records of `ids` or any, are as of now; of queries, what
        their filters need to know is known."""
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
        parts = found if isinstance(found, tuple) else (found,)
        await self._know(workspace, [part for part in parts if isinstance(part, Query)])
        await rollups.brought_up(self._db, workspace, obj, ids)
        return workspace, obj, found

    async def _know(self, workspace: Workspace, queries: Sequence[Query]) -> None:
        """UNAVAILABLE / LINKS_BEHIND where a filter goes through links that are not known yet."""
        await self.links.known(UUID(workspace.id), queries)

    async def GetRecord(
        self, request: pb.GetRecordRequest, context: Context
    ) -> pb.GetRecordResponse:
        workspace_id = current_caller().workspace_id
        wanted = _uuid(request.id)
        workspace, obj, shown = await self._resolved(
            request.object,
            request.at_version,
            _projection_of(request.fields),
            [wanted] if wanted else [],
        )
        if wanted is None:
            raise writes.not_found(request.id)
        if request.HasField("as_of"):
            record = await self.history.read(
                self._db, obj, request, shown.names if shown is not None else ()
            )
            version = workspace.version
            return pb.GetRecordResponse(record=convert.read(record), metadata_version=version)
        kind = Kind(workspace_id, obj, request.fields, request.show_deleted, shown)
        found = await self._singles.read(kind, wanted)
        if found is None:
            raise writes.not_found(request.id)
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
        wanted = {text: _uuid(text) for text in request.ids}
        ids = sorted({i for i in wanted.values() if i is not None})
        workspace, obj, shown = await self._resolved(
            request.object, request.at_version, _projection_of(request.fields), ids
        )
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
                results.append(convert.failed(writes.not_found(text)))
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
        ids = sorted({i for n in request.nodes if (i := _uuid(n.id)) is not None})
        async with self._db.reading(caller.workspace_id) as tx:
            live = await visibility.live(tx, caller.workspace_id, workspace, ids)
        allowed = []
        for node in request.nodes:
            obj, record_id = workspace.object(node.kind), _uuid(node.id)
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
            return _query(workspace, obj, request, view, request.sort), view

        workspace, _, (query, view) = await self._resolved(
            request.object, request.at_version, resolve
        )
        bound = _binding(request, view)
        if request.skip and request.page_token:
            message = "skip is for the first page; those after it go by page_token alone"
            raise InvalidArgument.at("SKIP_INVALID", "skip", "NOT_WITH_TOKEN", message)
        query = replace(
            query,
            show_deleted=request.show_deleted,
            limit=limit,
            after=paging.decode(request.page_token, *bound),
            use=_use(workspace, request, view),
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
            next_page_token=_token(page, bound),
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
    async def QueryBoard(
        self, request: pb.QueryBoardRequest, context: Context
    ) -> pb.QueryBoardResponse:
        caller = current_caller()
        limit = paging.clamp(request.page_size, default=20, largest=200)

        def resolve(
            workspace: Workspace, obj: CompiledObject
        ) -> tuple[Query, View | None, Field, list[Measure]]:
            view = find_view(workspace, obj, request.view, ViewType.KANBAN)
            query = _query(workspace, obj, request, view, request.sort)
            group_field = _group_field(obj, view, request.group_by)
            return query, view, group_field, _measures(obj, view, request.measures)

        workspace, _, (query, view, group_field, measures) = await self._resolved(
            request.object, request.at_version, resolve
        )
        query = replace(query, limit=limit)
        if view is not None and view.group_field_id == group_field.id:
            query = replace(query, use=_use(workspace, request, view))
        if request.page_token and not request.has_column:
            message = "a page token goes on in one column: name it in column"
            raise InvalidArgument.at("PAGE_TOKEN_INVALID", "page_token", "WITHOUT_COLUMN", message)
        if request.has_column:
            key = _column_key(group_field, request.column)
            bound = (*_binding(request, view), key)
            query = replace(query, after=paging.decode(request.page_token, *bound))
            async with self._db.reading(caller.workspace_id) as tx:
                query = await places.whole(tx, caller.workspace_id, query)
                page = await boards.column(
                    tx, caller.workspace_id, workspace, query, group_field, key
                )
                label, color = await boards.heading(
                    tx, caller.workspace_id, workspace, group_field, key
                )
            columns = [
                pb.BoardColumn(
                    key_json=jsonio.dumps(key),
                    label=label,
                    color=color,
                    count=-1,
                    **convert.shown(page.records),
                    next_page_token=_token(page, bound),
                )
            ]
            return pb.QueryBoardResponse(columns=columns, metadata_version=workspace.version)

        async def ask(tx: Tx) -> boards.Board:
            asked = (caller.workspace_id, workspace, query, group_field, measures)
            return await boards.board(tx, *asked)

        with noted(caller.workspace_id, query.use) as why:
            found = await counting.told(self._db, caller.workspace_id, query, ask)
            why += [c.page.why for c in found.columns]
        return pb.QueryBoardResponse(
            columns=[_column(c, (*_binding(request, view), c.key)) for c in found.columns],
            metadata_version=workspace.version,
            more_columns=found.more,
        )

    @shared
    async def QueryCalendar(
        self, request: pb.QueryCalendarRequest, context: Context
    ) -> pb.QueryCalendarResponse:
        caller = current_caller()
        limit = paging.clamp(request.page_size, default=1000)

        def resolve(workspace: Workspace, obj: CompiledObject) -> tuple[Query, View | None]:
            view = find_view(workspace, obj, request.view, ViewType.CALENDAR)
            start, end = calendar.date_fields(obj, view, request.date_field, request.end_date_field)
            query = _query(workspace, obj, request, view, start.name)
            span = calendar.span(start, request, query.context)
            document = calendar.filter_for(start, end, span)
            within = parse_json.parse(workspace, obj, document)
            return replace(query, tree=convert.both(query.tree, within)), view

        workspace, _, (query, view) = await self._resolved(
            request.object, request.at_version, resolve
        )
        bound = (*_binding(request, view), getattr(request, "from"), request.to)
        query = replace(query, limit=limit, after=paging.decode(request.page_token, *bound))
        async with self._db.reading(caller.workspace_id) as tx:
            page = await reads.page(tx, caller.workspace_id, workspace, query)
        return pb.QueryCalendarResponse(
            **convert.shown(page.records),
            next_page_token=_token(page, bound),
            metadata_version=workspace.version,
        )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _bounded(count: int) -> None:
    if count > 1000:
        message = f"a batch has at most 1000 items, not {count}"
        raise ResourceExhausted("BATCH_TOO_LARGE", message, limit="1000")


def _projection_of(
    text: str,
) -> Callable[[Workspace, CompiledObject], Projection | None]:
    def resolve(workspace: Workspace, obj: CompiledObject) -> Projection | None:
        try:
            return projection.parse(workspace, obj, text)
        except Invalid as exc:
            raise convert.refused("PROJECTION_INVALID", exc) from exc

    return resolve


def find_view(
    workspace: Workspace, obj: CompiledObject, name: str, kind: ViewType | None
) -> View | None:
    """The view of that id or name; private ones are there for their creator alone."""
    if not name:
        return None
    view = workspace.view(obj.id, name)
    me = current_caller().principal_id
    if view is None or (view.visibility == "private" and view.created_by != me):
        own = (v for v in workspace.views.values() if v.object_id == obj.id)
        known = [v.name for v in own if v.visibility != "private" or v.created_by == me]
        hint = nearest(name, known)
        raise NotFound("VIEW_NOT_FOUND", f"{obj.name} has no view {name!r}{hint}", view=name)
    if kind is not None and view.type is not kind:
        message = f"the view {view.name!r} is a {view.type}, not a {kind}"
        raise InvalidArgument.at("VIEW_TYPE_INVALID", "view", "WRONG_TYPE", message)
    return view


def _query(
    workspace: Workspace, obj: CompiledObject, request: Any, view: View | None, sort: str
) -> Query:
    """What a request and its view select and how it is ordered."""
    me = current_caller().principal_id
    try:
        tree, context = convert.selection(workspace, obj, request.selection, me)
        saved: Tree | None = None
        if view is not None and view.filter:
            saved = parse_json.parse(workspace, obj, view.filter, path="view.filter")
    except Invalid as exc:
        raise convert.refused("FILTER_INVALID", exc) from exc
    try:
        keys = parse_sort(workspace, obj, sort or (view.sort if view is not None else ""))
    except Invalid as exc:
        raise convert.refused("SORT_INVALID", exc) from exc
    shown = _projection_of(request.fields)(workspace, obj)
    return Query(
        obj,
        convert.both(saved, tree),
        keys,
        context,
        projection=shown,
        spelled=getattr(request, "spelled", False),
    )


def _use(
    workspace: Workspace, request: Any, view: View | None
) -> viewing.Use | viewing.Refused | None:
    """How the entries of the view answer the request, or why they do not; None without a view."""
    if view is None:
        return None
    if request.sort or not _is_blank(request.selection):
        return viewing.Refused("the request has a filter or sort of its own")
    obj = workspace.objects_by_id[view.object_id]
    if obj.rule is not None:
        return viewing.Refused("a rule says which records there are for this caller")
    if view.materialized == "off":
        return viewing.Refused("the view is not to be materialized")
    found = viewing.plan(workspace, view)
    return viewing.Use(found) if isinstance(found, viewing.Kept) else found


def _is_blank(selection: pb.Selection) -> bool:
    """Whether it selects everything; a filter that is there and empty does so too."""
    match selection.WhichOneof("spelling"):
        case None:
            return True
        case "filter_text":
            return not selection.filter_text.strip()
        case "filter_json":
            return selection.filter_json.strip() in {b"", b"{}"}
    return False


def _binding(request: Any, view: View | None) -> tuple[Any, ...]:
    """What a page token is bound to: the query, not its page size or its fields."""
    return (
        type(request).__name__,
        str(current_caller().workspace_id),
        request.object,
        request.selection.SerializeToString(deterministic=True).hex(),
        getattr(request, "sort", ""),
        getattr(request, "show_deleted", False),
        request.view,
        [view.sort, view.filter] if view is not None else [],
        getattr(request, "group_by", ""),
        getattr(request, "date_field", ""),
        getattr(request, "end_date_field", ""),
    )


def _token(page: Page, bound: Sequence[Any]) -> str:
    return paging.encode(short(page.next), *bound) if page.next is not None else ""


def _group_field(obj: CompiledObject, view: View | None, name: str) -> Field:
    found = obj.field(name) if name else None
    if not name and view is not None:
        found = obj.fields_by_id.get(view.group_field_id)
    if found is None or not viewing.groups_boards(found):
        eligible = [f.name for f in obj.fields.values() if viewing.groups_boards(f)]
        message = (
            "a board groups by a select, a boolean or a relation to one object, not by "
            f"{name!r}; {obj.name} has: {', '.join(eligible) or 'none'}"
        )
        raise InvalidArgument.at("GROUP_FIELD_INVALID", "group_by", "NOT_ELIGIBLE", message)
    return found


def _measures(obj: CompiledObject, view: View | None, asked: Sequence[pb.Measure]) -> list[Measure]:
    """The figures asked for, or else those of the view."""
    found: list[Measure] = []
    if not asked and view is not None:
        for aggregate in view.aggregates:
            field = obj.fields_by_id.get(aggregate.get("field_id") or "")
            fn = aggregate.get("fn", "count")
            if fn == "count" or field is not None:
                found.append(_named(fn, field, aggregate.get("as") or ""))
    for n, one in enumerate(asked):
        path = f"measures.{n}"
        if one.fn not in _FUNCTIONS:
            message = f"fn is one of {', '.join(_FUNCTIONS)}{nearest(one.fn, _FUNCTIONS)}"
            raise InvalidArgument.at("MEASURE_INVALID", f"{path}.fn", "UNKNOWN", message)
        field = obj.field(one.field) if one.field else None
        if one.fn != "count" and (field is None or field.type not in _MEASURABLE):
            known = [f.name for f in obj.fields.values() if f.type in _MEASURABLE]
            message = f"{one.fn} takes one of: {', '.join(known)}{nearest(one.field, known)}"
            raise InvalidArgument.at("MEASURE_INVALID", f"{path}.field", "UNKNOWN_FIELD", message)
        found.append(_named(one.fn, field, getattr(one, "as")))
    return found


class Watched(NamedTuple):
    """What a request to watch selects; of a kanban view also what its groups are told by."""

    query: Query
    view: View | None
    group_field: Field | None
    measures: tuple[Measure, ...]


def watched(workspace: Workspace, obj: CompiledObject, request: Any, limit: int) -> Watched:
    """What is watched, with the first records that a query of the same would answer."""
    view = find_view(workspace, obj, request.view, None)
    query = _query(workspace, obj, request, view, request.sort)
    query = replace(query, limit=limit, use=_use(workspace, request, view))
    group_field = None
    if view is not None and view.type is ViewType.KANBAN:
        group_field = obj.fields_by_id.get(view.group_field_id)
        if group_field is not None and not viewing.groups_boards(group_field):
            group_field = None
    measures = tuple(_measures(obj, view, ())) if group_field is not None else ()
    return Watched(query, view, group_field, measures)


def _named(fn: str, field: Field | None, name: str) -> Measure:
    made = fn if field is None or fn == "count" else f"{fn}_{field.name}"
    return Measure(fn, name or made, None if fn == "count" else field)


def _column_key(group_field: Field, text: str) -> Any:
    if group_field.type is FieldType.RELATION and (target := _uuid(text)) is not None:
        return str(target)
    known = {_text_key(key): key for key, _, _ in boards.choices(group_field)}
    if text not in known:
        message = f"the board has no column {text!r}; it has: {', '.join(known)}"
        raise InvalidArgument.at("GROUP_FIELD_INVALID", "column", "UNKNOWN_OPTION", message)
    return known[text]


def _text_key(key: Any) -> str:
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)


def _column(column: boards.Column, bound: Sequence[Any]) -> pb.BoardColumn:
    return pb.BoardColumn(
        key_json=jsonio.dumps(column.key),
        label=column.label,
        color=column.color,
        count=column.count,
        values_json=jsonio.dumps(column.values),
        **convert.shown(column.page.records),
        next_page_token=_token(column.page, bound),
    )
