"""Judge the items of a request by themselves, and find every problem at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kit import clock, ids
from schema.compiled import CompiledObject
from schema.field_types.codec import FieldCodec
from schema.model import Field
from schema.problems import Invalid, Problem
from schema.values import RecordValues, record_values, same
from services.records.model import Item, Stored
from services.records.operations import references
from services.records.operations.targets import Target


@dataclass(slots=True)
class Judged:
    """What judging the items of a request has found so far."""

    problems: list[Problem] = field(default_factory=list)
    # Of items with problems, the relations that can be checked all the same.
    doubtful: list[references.Written] = field(default_factory=list)


def judged_values(
    target: Target, item: Item, old: dict[str, Any] | None
) -> tuple[dict[str, Any], list[Field], Any]:
    """(document, changed fields, new position or None); Invalid with every problem."""
    problems = _not_writable(target, item, old or {})
    try:
        values, changed = _values(target, target.object, item, item.fields, old)
    except Invalid as exc:
        raise Invalid([*problems, *exc.problems]) from None
    if problems:
        raise Invalid(problems)
    if old is None and target.restricted:
        filled, defaults = _hidden_defaults(target, item)
        values, changed = values | filled, changed + defaults
    position = values.pop("position", None) if "position" not in target.object.fields else None
    changed = [f for f in changed if f.name != "position" or f.object_id]
    if position in {"first", "last"}:
        moment = clock.now().timestamp()
        position = -moment if position == "first" else moment
    return values, changed, position


def _values(
    target: Target, obj: CompiledObject, item: Item, raw: object, old: dict[str, Any] | None
) -> RecordValues:
    return record_values(
        obj,
        raw,
        old=old,
        now=clock.now(),
        new_uuid=lambda: str(ids.new_id()),
        me=target.caller.actor(),
        path=at(item, "fields"),
    )


def _not_writable(target: Target, item: Item, old: Mapping[str, Any]) -> list[Problem]:
    """A problem for each field that the caller may read and not write, and that would change."""
    obj = target.object
    sent = item.fields if obj.read_only and isinstance(item.fields, dict) else {}
    message = f"the role {target.caller.role!r} may read this field, and not change it"
    problems = []
    for name, value in sent.items():
        path = f"{at(item, 'fields')}.{name}"
        if name in obj.read_only and _differs(obj.codecs[name], old, value, path):
            problems.append(Problem(path, "READ_ONLY", message))
    return problems


def _differs(codec: FieldCodec, old: Mapping[str, Any], sent: object, path: str) -> bool:
    before = old.get(codec.key)
    try:
        value = None if sent is None else codec.write(before, sent, path)
    except Invalid:
        return False  # which is a problem of its own
    if before is None or value is None:
        return before is not value
    return not same(codec, before, value)


def _hidden_defaults(target: Target, item: Item) -> RecordValues:
    """What a new record gets in the fields that its creator may not see."""
    try:
        return _values(target, target.object.hidden, item, {}, None)
    except Invalid:
        message = "a field is required that this role may not see, so it can't create records here"
        raise Invalid([Problem(at(item, "fields"), "REQUIRED", message)]) from None


def client_id(item: Item, judged: Judged) -> UUID:
    """The id that the client chose, or a new one; in a batch a bad one is one more problem."""
    if item.path and item.id and parse_id(item.id) is None:
        judged.problems.append(Problem(at(item, "id"), "INVALID_UUID", "id must be a UUID"))
        return ids.new_id()
    return ids.client_id(item.id, "id")


def judge(
    target: Target, item: Item, before: Stored | None, judged: Judged
) -> tuple[dict[str, Any], list[Field], Any] | None:
    if item.problems:
        judged.problems += item.problems
        return None
    try:
        return judged_values(target, item, before.doc if before else None)
    except Invalid as exc:
        judged.problems += exc.problems
        path = at(item, "fields")
        judged.doubtful.append(references.readable(target.object, item.fields, path))
        return None


def repeated(ids: Sequence[UUID | None], paths: Iterable[str]) -> list[Problem]:
    """A problem at the path of each record that a request names again."""
    seen: set[UUID | None] = {None}
    problems = []
    for record_id, path in zip(ids, paths, strict=True):
        if record_id in seen and record_id is not None:
            problems.append(Problem(path, "DUPLICATE", "a batch names each record once"))
        seen.add(record_id)
    return problems


def parse_id(text: str) -> UUID | None:
    """None for what is no UUID: it can't name a record, so it answers like an unknown one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def at(item: Item, part: str) -> str:
    return f"{item.path}.{part}" if item.path else part
