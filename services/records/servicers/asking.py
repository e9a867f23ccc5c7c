"""Say what a request to read asks for: its view, its query, where its pages go on."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from armature.records.v1 import record_service_pb2 as pb

from kit import paging
from kit.caller import current_caller
from kit.errors import InvalidArgument, NotFound
from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json
from schema.filters.tree import Tree
from schema.model import View, ViewType
from schema.problems import Invalid, nearest
from schema.sorts import parse_sort
from services.records import convert
from services.records.logic import projection, viewing
from services.records.logic.places import short
from services.records.model import Page, Projection, Query


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def projection_of(
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


def query_of(
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
    shown = projection_of(request.fields)(workspace, obj)
    return Query(
        obj,
        convert.both(saved, tree),
        keys,
        context,
        projection=shown,
        spelled=getattr(request, "spelled", False),
    )


def use_of(
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


def binding(request: Any, view: View | None) -> tuple[Any, ...]:
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


def token_of(page: Page, bound: Sequence[Any]) -> str:
    return paging.encode(short(page.next), *bound) if page.next is not None else ""
