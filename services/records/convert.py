"""Turn protobuf into model and back: the only module that knows both vocabularies."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from armature.common.v1 import actor_pb2, filter_pb2, problem_pb2
from armature.records.v1 import record_pb2
from armature.records.v1 import record_service_pb2 as pb

from kit import clock
from kit.caller import caller_if_known
from kit.errors import InvalidArgument, ServiceError, Violation
from schema import jsonio
from schema.access import both, ruled
from schema.compiled import CompiledObject, Workspace
from schema.filters import parse_json, parse_text
from schema.filters.context import EvalContext
from schema.filters.tree import Tree
from schema.problems import Invalid, Problem, refuse
from services.records.logic import documents
from services.records.model import Item, Outcome, Read, Spelled, Stored, Written

__all__ = ["both"]  # of filters

_OUTCOMES = {
    Outcome.CREATED: record_pb2.OUTCOME_CREATED,
    Outcome.UPDATED: record_pb2.OUTCOME_UPDATED,
    Outcome.UNCHANGED: record_pb2.OUTCOME_UNCHANGED,
    Outcome.RESTORED: record_pb2.OUTCOME_RESTORED,
    Outcome.DELETED: record_pb2.OUTCOME_DELETED,
}


def refused(reason: str, invalid: Invalid) -> InvalidArgument:
    """Problems as INVALID_ARGUMENT with that reason, every one of them."""
    violations = [Violation(p.path, p.code, p.message) for p in invalid.problems]
    first = violations[0]
    lead = f"{first.path}: " if first.path else ""
    return InvalidArgument(reason, f"{lead}{first.message}", violations=violations)


def item(fields_json: bytes, *, id_: str = "", etag: str = "", path: str = "") -> Item:
    """One record of a request; Invalid where its fields are no JSON object."""
    at = f"{path}.fields" if path else "fields"
    try:
        fields = jsonio.loads_exact(fields_json or b"{}")
    except Invalid as exc:
        lead = at
        problems = [
            Problem(f"{lead}.{p.path}" if p.path else lead, p.code, p.message) for p in exc.problems
        ]
        raise Invalid(problems) from None
    return Item(id_, fields, etag, path)


def items(messages: Sequence[pb.BatchItem]) -> list[Item]:
    """The records of a batch; what can't be read is a problem of its item alone."""
    found: list[Item] = []
    for n, message in enumerate(messages):
        path = f"items.{n}"
        try:
            one = item(message.fields_json, id_=message.id, etag=message.etag, path=path)
        except Invalid as exc:
            one = Item(message.id, None, message.etag, path, tuple(exc.problems))
        found.append(one)
    return found


def selection(
    workspace: Workspace, obj: CompiledObject, message: pb.Selection, me: str
) -> tuple[Tree | None, EvalContext]:
    """The filter, in whichever spelling, joined with the rule that says which records there are
    for the caller; and the context it is evaluated in."""
    tree, context = _selection(workspace, obj, message, me)
    return ruled(obj, tree, context.now), context


def _selection(
    workspace: Workspace, obj: CompiledObject, message: pb.Selection, me: str
) -> tuple[Tree | None, EvalContext]:
    caller = caller_if_known()
    own = (caller.time_zone, caller.week_start) if caller is not None else ("", "")
    context = EvalContext(
        clock.now(),
        message.time_zone or own[0] or workspace.time_zone,
        message.week_start or own[1] or workspace.week_start,
        me,
    )
    spelling = message.WhichOneof("spelling")
    if spelling == "filter_text":
        if not message.filter_text.strip():
            return None, context
        return parse_text.parse_text(workspace, obj, message.filter_text), context
    if spelling == "filter_json":
        document = jsonio.loads_exact(message.filter_json) if message.filter_json else {}
    elif spelling == "filter":
        document = filter_document(message.filter)
    else:
        return None, context
    return parse_json.parse(workspace, obj, document), context


def filter_document(message: filter_pb2.Filter) -> dict[str, Any]:
    """The JSON spelling of a proto filter."""
    kind = message.WhichOneof("node")
    if kind == "condition":
        condition = message.condition
        value = jsonio.loads_exact(condition.value_json or b"null")
        return {condition.path: {condition.op or "eq": value}}
    if kind == "and":
        return {"and": [filter_document(f) for f in getattr(message, "and").filters]}
    if kind == "or":
        return {"or": [filter_document(f) for f in getattr(message, "or").filters]}
    if kind == "not":
        return {"not": filter_document(getattr(message, "not"))}
    raise refuse("filter", "EMPTY", "each filter has a condition, and, or, or not")


@lru_cache(maxsize=4096)
def _actor_of(document: str) -> actor_pb2.Actor:
    found = json.loads(document)
    return actor_pb2.Actor(
        kind=found.get("kind", ""), id=found.get("id", ""), name=found.get("name", "")
    )


def actor(found: Any) -> actor_pb2.Actor:
    if isinstance(found, str):
        return _actor_of(found)
    return actor_pb2.Actor(kind=found["kind"], id=found["id"], name=found["name"])


def read(value: Read) -> record_pb2.Record:
    return record_pb2.Record(
        id=str(value.id),
        object=value.object,
        version=value.version,
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
        delete_time=clock.to_timestamp(value.delete_time),
        created_by=actor(value.created_by),
        updated_by=actor(value.updated_by),
        fields_json=value.fields_json,
        position=value.position,
    )


def shown(records: Sequence[Read | Spelled]) -> dict[str, Any]:
    """A page's records in the member of the response that they were asked for in."""
    if records and isinstance(records[0], Spelled):
        spelled = [r.json() for r in records if isinstance(r, Spelled)]
        return {"records_json": b"[" + b",".join(spelled) + b"]"}
    return {"records": [read(r) for r in records if isinstance(r, Read)]}


def stored(obj: CompiledObject, value: Stored) -> record_pb2.Record:
    return record_pb2.Record(
        id=str(value.id),
        object=obj.name,
        version=value.version,
        create_time=clock.to_timestamp(value.create_time),
        update_time=clock.to_timestamp(value.update_time),
        delete_time=clock.to_timestamp(value.delete_time),
        created_by=actor(value.created_by),
        updated_by=actor(value.updated_by),
        fields_json=documents.to_json(documents.by_name(obj, value.doc)),
        position=float(value.position),
    )


def outcome(value: Outcome) -> "record_pb2.Outcome":
    return _OUTCOMES[value]


def result(obj: CompiledObject, value: Written) -> pb.BatchResult:
    return pb.BatchResult(record=stored(obj, value.record), outcome=outcome(value.outcome))


def failed(error: ServiceError) -> pb.BatchResult:
    """An item of a partial batch that was refused."""
    return pb.BatchResult(
        error=problem_pb2.ItemError(
            code=error.code,
            reason=error.reason,
            message=error.message,
            problems=[
                problem_pb2.FieldProblem(path=v.path, code=v.code, message=v.message)
                for v in error.violations
            ],
        )
    )
