"""Answer ViewStateService: which views' entries are kept, and why."""

from armature.records.v1 import view_state_service_pb2 as pb
from armature.records.v1 import view_state_service_pb2_grpc as rpc

from kit import paging
from kit.calls import Context
from kit.db import Database
from planes.definitions import Definitions
from schema.model import View
from services.records.logic import viewing
from services.records.servicers import scope
from services.records.store import view_entries, view_states, view_uses

_NEVER = "its queries have not been worth it so far"


class ViewStateServicer(rpc.ViewStateServiceServicer):
    def __init__(self, db: Database, definitions: Definitions) -> None:
        self._db = db
        self._definitions = definitions

    async def ListViewStates(
        self, request: pb.ListViewStatesRequest, context: Context
    ) -> pb.ListViewStatesResponse:
        target = await scope.reading(self._definitions, request.object, request.at_version)
        workspace, me = target.workspace, target.caller.principal_id
        views = [
            v
            for v in workspace.views.values()
            if v.object_id == target.object.id and (v.visibility != "private" or v.created_by == me)
        ]
        bound = ("view_states", str(target.workspace_id), target.object.id)
        limit, last = paging.clamp(request.page_size), paging.decode(request.page_token, *bound)
        views = sorted(views, key=lambda v: (v.name, v.id))
        if last is not None:
            views = [v for v in views if [v.name, v.id] > last]
        token = ""
        if len(views) > limit:
            token = paging.encode([views[limit - 1].name, views[limit - 1].id], *bound)
        async with self._db.reading(target.workspace_id) as tx:
            at = (target.workspace_id, target.object_id)
            states = {s.set_id: s for s in await view_states.of_object(tx, *at)}
            uses = {u.view_id: u for u in await view_uses.of_object(tx, *at)}
            found = []
            for view in views[:limit]:
                plan = viewing.plan(workspace, view)
                kept = plan if isinstance(plan, viewing.Kept) else None
                state = states.get(kept.set_id) if kept is not None else None
                shown = _shown(view, plan, state)
                if kept is not None and shown.state == "ready":
                    counts = await view_entries.counts(tx, *at, kept.set_id)
                    if counts is not None and target.object.rule is None:
                        shown.entries = sum(counts.values())
                if kept is not None and (use := uses.get(kept.view_id)) is not None:
                    _used(shown, use)
                found.append(shown)
        return pb.ListViewStatesResponse(
            states=found, next_page_token=token, metadata_version=workspace.version
        )


def _shown(
    view: View,
    plan: viewing.Kept | viewing.Refused,
    state: view_states.State | None,
) -> pb.ViewState:
    shown = pb.ViewState(
        view_id=view.id, view=view.name, materialized=view.materialized, state="off"
    )
    if isinstance(plan, viewing.Refused):
        shown.reason = plan.why
    elif state is not None:
        shown.state, shown.reason = state.state, state.reason
        shown.records_checked = state.records
    elif view.materialized == "off":
        shown.reason = "the view says so"
    else:
        shown.reason = "nobody has asked for it yet" if view.materialized == "on" else _NEVER
    return shown


def _used(shown: pb.ViewState, use: view_uses.Use) -> None:
    shown.queries = use.queries
    shown.cost_ms = use.cost_us // 1000
    shown.last_use_time.FromDatetime(use.last_time)
    shown.decision = use.decision
    if use.decision_time is not None:
        shown.decision_time.FromDatetime(use.decision_time)
