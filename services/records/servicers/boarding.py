"""Answer QueryBoard: the columns of a kanban, or the next page of one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from armature.records.v1 import record_service_pb2 as pb

from kit import paging
from kit.caller import current_caller
from kit.calls import Context
from kit.db import Tx
from kit.errors import InvalidArgument
from schema import jsonio
from schema.compiled import CompiledObject, Workspace
from schema.model import Field, FieldType, View, ViewType
from schema.problems import nearest
from services.records import convert
from services.records.logic import viewing
from services.records.logic.rollup_reads import Sight
from services.records.model import Query
from services.records.operations import (
    boards,
    counting,
    places,
)
from services.records.operations.boards import Measure
from services.records.operations.usage import noted
from services.records.servicers.asking import (
    binding,
    find_view,
    query_of,
    token_of,
    use_of,
    uuid_of,
)
from services.records.servicers.reading import Reading
from services.records.servicers.sharing import shared

_FUNCTIONS = ("count", "sum", "avg", "min", "max")
_MEASURABLE = {FieldType.NUMBER, FieldType.DECIMAL, FieldType.RATING, FieldType.CURRENCY}


class Boarding(Reading):
    """QueryBoard; mixed into the one servicer."""

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
            query = query_of(workspace, obj, request, view, request.sort)
            group_field = _group_field(obj, view, request.group_by)
            return query, view, group_field, measures_of(obj, view, request.measures)

        workspace, _, (query, view, group_field, measures) = await self._resolved(
            request.object, request.at_version, resolve, _sight_of
        )
        query = replace(query, limit=limit)
        if view is not None and view.group_field_id == group_field.id:
            query = replace(query, use=use_of(workspace, request, view))
        if request.page_token and not request.has_column:
            message = "a page token goes on in one column: name it in column"
            raise InvalidArgument.at("PAGE_TOKEN_INVALID", "page_token", "WITHOUT_COLUMN", message)
        if request.has_column:
            key = _column_key(group_field, request.column)
            bound = (*binding(request, view), key)
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
                    next_page_token=token_of(page, bound),
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
            columns=[_column(c, (*binding(request, view), c.key)) for c in found.columns],
            metadata_version=workspace.version,
            more_columns=found.more,
        )


def _sight_of(found: tuple[Query, View | None, Field, list[Measure]]) -> Sight:
    query, _, group_field, measures = found
    return Sight(query, fields=[group_field, *(one.field for one in measures)])


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


def measures_of(
    obj: CompiledObject, view: View | None, asked: Sequence[pb.Measure]
) -> list[Measure]:
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


def _named(fn: str, field: Field | None, name: str) -> Measure:
    made = fn if field is None or fn == "count" else f"{fn}_{field.name}"
    return Measure(fn, name or made, None if fn == "count" else field)


def _column_key(group_field: Field, text: str) -> Any:
    if group_field.type is FieldType.RELATION and (target := uuid_of(text)) is not None:
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
        next_page_token=token_of(column.page, bound),
    )
