"""Answer SearchRecords: unpack, search, pack."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from armature.records.v1 import record_service_pb2 as pb

from kit import paging
from kit.caller import current_caller
from kit.calls import Context
from kit.errors import InvalidArgument
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.problems import Invalid
from services.records import convert
from services.records.logic import projection, search
from services.records.logic.rollup_reads import Sight
from services.records.model import Projection, Query
from services.records.operations import rollup_reading, searches
from services.records.operations.searches import Hit, Place
from services.records.servicers import scope
from services.records.servicers.reading import Reading
from services.records.servicers.sharing import shared

MAX_OBJECTS = 20
MAX_TEXT = 500
MAX_WORDS = 20


class Searching(Reading):
    """SearchRecords; mixed into the one servicer."""

    @shared
    async def SearchRecords(
        self, request: pb.SearchRecordsRequest, context: Context
    ) -> pb.SearchRecordsResponse:
        caller = current_caller()
        if request.explain:
            caller.require("admin")
        words = _words(request.q)
        limit = paging.clamp(request.page_size, default=20, largest=200)
        workspace, objects = await self._searched(request)
        shown = _projections(workspace, objects, request.fields)
        targets = []
        for obj in objects:
            try:
                tree, evaluated = convert.selection(
                    workspace, obj, request.selection, caller.principal_id
                )
            except Invalid as exc:
                raise convert.refused("FILTER_INVALID", exc) from exc
            targets.append(Query(obj, tree, (), evaluated, limit=limit, projection=shown[obj.id]))
        await self._know(workspace, targets)
        bound = (
            "SearchRecords",
            str(caller.workspace_id),
            sorted(request.objects),
            words,
            request.selection.SerializeToString(deterministic=True).hex(),
        )
        place = paging.decode(request.page_token, *bound)
        after = Place(place[0], place[1], UUID(place[2])) if place else None
        sights = [Sight(one, fields=searches.searchable(one.object)) for one in targets]
        await rollup_reading.brought_up(self._db, workspace, sights)
        async with self._db.reading(caller.workspace_id) as tx:
            found = await searches.search_records(
                tx,
                caller.workspace_id,
                workspace,
                targets,
                words,
                after,
                with_snippets=request.snippets,
            )
        answer = pb.SearchRecordsResponse(
            results=[_result(hit) for hit in found.hits],
            partial=found.partial,
            metadata_version=workspace.version,
        )
        if found.next is not None:
            last = [found.next.rank, found.next.object_id, str(found.next.record_id)]
            answer.next_page_token = paging.encode(last, *bound)
        if request.explain:
            answer.plan_json = jsonio.dumps(found.plan)
        return answer

    async def _searched(
        self, request: pb.SearchRecordsRequest
    ) -> tuple[Workspace, list[CompiledObject]]:
        """The objects to search, as the caller may see them."""
        caller = current_caller()
        if len(request.objects) > MAX_OBJECTS:
            message = f"a search goes over at most {MAX_OBJECTS} objects, or over all of them"
            raise InvalidArgument.at("SEARCH_INVALID", "objects", "TOO_MANY_VALUES", message)
        if not request.objects:
            caller.require("read")
            workspace = await self._definitions.seen(caller, at_version=request.at_version)
            found = [o for o in workspace.objects.values() if searches.searchable(o)]
        else:
            found = []
            for name in request.objects:
                target = await scope.reading(self._definitions, name, request.at_version)
                workspace = target.workspace
                if target.object.id not in {o.id for o in found}:
                    found.append(target.object)
                if not searches.searchable(target.object):
                    message = f"{target.object.name} has no searchable field"
                    raise InvalidArgument.at("SEARCH_INVALID", "objects", "NOT_SEARCHABLE", message)
        if request.selection.WhichOneof("spelling") and len(found) != 1:
            message = "a filter speaks of one object: name it in objects"
            raise InvalidArgument.at("SEARCH_INVALID", "filter", "AMBIGUOUS", message)
        return workspace, found


def _words(text: str) -> list[str]:
    """The words to look for; the last is a beginning."""
    if len(text) > MAX_TEXT:
        message = f"q has at most {MAX_TEXT} characters"
        raise InvalidArgument.at("SEARCH_INVALID", "q", "TOO_LONG", message)
    found = search.words(text)
    if not found:
        message = "q needs a word: letters or digits"
        raise InvalidArgument.at("SEARCH_INVALID", "q", "EMPTY", message)
    if len(found) > MAX_WORDS:
        message = f"q has at most {MAX_WORDS} words"
        raise InvalidArgument.at("SEARCH_INVALID", "q", "TOO_MANY_VALUES", message)
    return found


def _projections(
    workspace: Workspace, objects: Sequence[CompiledObject], text: str
) -> dict[str, Projection | None]:
    """What to return of each object; PROJECTION_INVALID for a path that none of them has."""
    paths = [part.strip() for part in text.split(",") if part.strip()]
    found: dict[str, Projection | None] = {}
    unknown = set(paths)
    try:
        for obj in objects:
            own = paths
            if len(objects) > 1:
                own = [p for p in paths if p == "*" or p.partition(".")[0] in obj.fields]
                unknown.difference_update(own)
                if paths and not own:  # nothing of what is asked; and no names would mean all
                    own = [obj.definition.label_field or next(iter(obj.fields))]
            found[obj.id] = projection.parse(workspace, obj, ",".join(own))
    except Invalid as exc:
        raise convert.refused("PROJECTION_INVALID", exc) from exc
    if len(objects) > 1 and unknown:
        message = f"none of these objects has {', '.join(sorted(unknown))}"
        raise InvalidArgument.at("PROJECTION_INVALID", "fields", "UNKNOWN_FIELD", message)
    return found


def _result(hit: Hit) -> pb.SearchResult:
    more: dict[str, Any] = {}
    if hit.snippet is not None:
        more = {
            "field": hit.snippet.field,
            "snippet": hit.snippet.text,
            "highlights": [pb.Highlight(start=a, end=b) for a, b in hit.snippet.matches],
        }
    return pb.SearchResult(record=convert.read(hit.record), rank=hit.rank, **more)
