"""Answer AggregateRecords: unpack, aggregate, pack."""

from dataclasses import replace

from armature.records.v1 import record_service_pb2 as pb

from kit import paging
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Tx
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json
from schema.problems import Invalid
from services.records import convert
from services.records.logic.aggregate_parts import Aggregate
from services.records.logic.aggregates import AskedKey, AskedMeasure, judge
from services.records.logic.groups import shown
from services.records.logic.rollup_reads import Sight
from services.records.model import Query
from services.records.operations import aggregates, counting
from services.records.operations.aggregates import Answer
from services.records.servicers.asking import find_view
from services.records.servicers.reading import Reading
from services.records.servicers.sharing import shared

_DEFAULT_GROUPS = 1000
_MOST_GROUPS = 10_000


class Aggregating(Reading):
    """AggregateRecords; mixed into the one servicer."""

    @shared
    async def AggregateRecords(
        self, request: pb.AggregateRecordsRequest, context: Context
    ) -> pb.AggregateRecordsResponse:
        caller = current_caller()
        if request.explain:
            caller.require("admin")
        limit = paging.clamp(request.limit, default=_DEFAULT_GROUPS, largest=_MOST_GROUPS)

        def resolve(workspace: Workspace, obj: CompiledObject) -> tuple[Query, Aggregate]:
            query = _selected(workspace, obj, request, caller.principal_id)
            return query, _asked(workspace, obj, request)

        workspace, _, (query, asked) = await self._resolved(
            request.object, request.at_version, resolve, _sight_of
        )
        asked = replace(asked, limit=limit, include_empty=request.include_empty)
        try:
            found = await self._aggregate(workspace, query, asked)
        except Invalid as exc:
            raise convert.refused("AGGREGATE_INVALID", exc) from exc
        answer = pb.AggregateRecordsResponse(
            groups=[
                pb.AggregateGroup(
                    keys_json=jsonio.dumps([shown(key) for key in group.keys]),
                    values_json=jsonio.dumps(dict(group.values)),
                )
                for group in found.groups
            ],
            more=found.more,
            metadata_version=workspace.version,
        )
        if request.explain:
            answer.plan_json = jsonio.dumps(found.plan)
        return answer

    async def _aggregate(self, workspace: Workspace, query: Query, asked: Aggregate) -> Answer:
        workspace_id = current_caller().workspace_id

        async def ask(tx: Tx) -> Answer:
            return await aggregates.aggregate(tx, workspace_id, workspace, query, asked)

        return await counting.told(self._db, workspace_id, query, ask)


def _sight_of(found: tuple[Query, Aggregate]) -> Sight:
    query, asked = found
    leaves = [key.leaf for key in asked.keys] + [one.leaf for one in asked.measures if one.leaf]
    return Sight(query, shows=False, fields=[leaf.field for leaf in leaves])


def _selected(
    workspace: Workspace, obj: CompiledObject, request: pb.AggregateRecordsRequest, me: str
) -> Query:
    """Which records count: the request's filter, its view's, and the caller's rule."""
    view = find_view(workspace, obj, request.view, None)
    try:
        tree, context = convert.selection(workspace, obj, request.selection, me)
        if view is not None and view.filter:
            saved = parse_json.parse(workspace, obj, view.filter, path="view.filter")
            tree = convert.both(saved, tree)
    except Invalid as exc:
        raise convert.refused("FILTER_INVALID", exc) from exc
    return Query(obj, tree, (), context)


def _asked(
    workspace: Workspace, obj: CompiledObject, request: pb.AggregateRecordsRequest
) -> Aggregate:
    keys = [AskedKey(k.field, k.bucket, getattr(k, "as")) for k in request.group_by]
    measures = [
        AskedMeasure(m.fn, m.field, getattr(m, "as"), m.p if m.HasField("p") else None)
        for m in request.measures
    ]
    try:
        having = jsonio.loads_exact(request.having_json or b"{}")
        return judge(workspace, obj, keys, measures, having, request.sort)
    except Invalid as exc:
        raise convert.refused("AGGREGATE_INVALID", exc) from exc
