"""Make fields unique together, and let go of that again, in a draft."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schema.field_changes import FieldChange, Release
from schema.field_types import FIELD_TYPES
from schema.field_types.definitions import check_api_name
from schema.field_types.refusals import Problems, join, listing, unknown_names, wrong_type
from schema.model import Field, FieldType, Object, UniqueConstraint
from schema.problems import Invalid, Problem, nearest, refuse
from services.metadata.logic.catalog import Draft, chosen_id
from services.metadata.logic.widening import needs

BUILDING, READY = "building", "ready"
KEYS = ("name", "fields")
LEAST, MOST = 2, 8  # fields
TYPES = tuple(
    kind
    for kind, spec in FIELD_TYPES.items()
    if spec.unique_allowed or kind in {FieldType.SELECT, FieldType.BOOLEAN, FieldType.RELATION}
)


def find(obj: Object, name_or_id: str) -> UniqueConstraint | None:
    wanted = (c for c in obj.unique_constraints if name_or_id in {c.name, c.id})
    return next(wanted, None)


def create(
    draft: Draft, obj: Object, raw: Mapping[str, Any], *, given_id: str = "", path: str = ""
) -> UniqueConstraint:
    """Add a constraint. Where records may have values in all its fields a job looks at them first,
    and the constraint is `building` until that is done. Invalid names everything wrong with it."""
    if len(obj.unique_constraints) >= draft.limits.unique_constraints:
        message = f"an object has at most {draft.limits.unique_constraints} unique constraints"
        raise refuse(path, "LIMIT_REACHED", message)
    problems = Problems()
    unknown = [key for key in raw if key not in KEYS]
    problems += unknown_names(
        path, "UNKNOWN_PROPERTY", "property of a unique constraint", unknown, KEYS
    )
    with problems.collect():
        check_api_name(
            raw.get("name"), join(path, "name"), [c.name for c in obj.unique_constraints]
        )
    fields = _fields(draft, obj, raw.get("fields"), join(path, "fields"), problems)
    problems.raise_any()
    field_ids = tuple(f.id for f in fields)
    if same := next((c for c in obj.unique_constraints if {*c.field_ids} == {*field_ids}), None):
        message = f"{same.name} has the same fields"
        raise refuse(join(path, "fields"), "DUPLICATE", message)
    taken = [c.id for o in draft.objects.values() for c in o.unique_constraints]
    is_new = any(f.id not in draft.base.fields for f in fields)  # no record has a value of it
    made = UniqueConstraint(
        id=chosen_id(given_id, taken),
        name=raw["name"],
        field_ids=field_ids,
        state=READY if is_new else BUILDING,
    )
    _put(draft, obj.id, (*obj.unique_constraints, made))
    if not is_new:
        first = fields[0]
        plan = FieldChange(old=first, target=first, constraint=made, parts=tuple(fields))
        draft.request("change", obj.id, made.id, plan)
    return made


def same_fields(draft: Draft, one: UniqueConstraint, names: object) -> bool:
    """Whether a description names the constraint's fields."""
    known = {draft.fields[field_id].name for field_id in one.field_ids}
    return isinstance(names, list) and all(isinstance(n, str) for n in names) and known == {*names}


def delete(draft: Draft, obj: Object, one: UniqueConstraint, path: str = "") -> None:
    """Let go of a constraint; its claims go by a job. Invalid / FIELD_BUILDING while one builds
    it."""
    if one.state != READY:
        message = f"a job is at work on {one.name}: wait for its end, or cancel it"
        raise refuse(path, "FIELD_BUILDING", message)
    _put(draft, obj.id, tuple(c for c in obj.unique_constraints if c.id != one.id))
    draft.request("release", obj.id, one.id, Release(one))


def without_field(draft: Draft, field: Field, *, force: bool) -> None:
    """Let go of the constraints of a field that leaves; Invalid / IN_USE names them, unless
    `force` is said."""
    for one in _of_field(draft, field):
        if not force:
            message = f"the unique constraint {one.name} uses it: delete that first, or say force"
            raise refuse(one.name, "IN_USE", message)
        delete(draft, draft.objects[field.object_id], one, one.name)


def check_change(draft: Draft, old: Field, new: Field, path: str) -> list[Problem]:
    """IN_USE for a change that would give the values of a constraint's field another form."""
    setting = "case_insensitive"
    folding = bool(old.settings.get(setting)) != bool(new.settings.get(setting))
    if not folding and not needs(old, new).converts:
        return []
    part = "type" if new.type is not old.type else f"settings.{setting}" if folding else "settings"
    message = "the unique constraint {} uses it: delete that first"
    return [
        Problem(join(path, part), "IN_USE", message.format(one.name))
        for one in _of_field(draft, old)
    ]


def check_ready(obj: Object) -> None:
    """Invalid / FIELD_BUILDING while a job is at work on one of an object's constraints."""
    problems = [
        Problem(c.name, "FIELD_BUILDING", f"a job is at work on {c.name}")
        for c in obj.unique_constraints
        if c.state != READY
    ]
    if problems:
        raise Invalid(problems)


def ended(draft: Draft, object_id: str, constraint_id: str, *, succeeded: bool) -> None:
    """The job is over: the constraint stands, or has never been."""
    obj = draft.objects.get(object_id)
    if obj is None:
        return
    found = []
    for one in obj.unique_constraints:
        if one.id != constraint_id:
            found.append(one)
        elif succeeded:
            found.append(msgspec.structs.replace(one, state=READY))
    _put(draft, object_id, tuple(found))


def _of_field(draft: Draft, field: Field) -> list[UniqueConstraint]:
    obj = draft.objects[field.object_id]
    return [one for one in obj.unique_constraints if field.id in one.field_ids]


def _put(draft: Draft, object_id: str, constraints: tuple[UniqueConstraint, ...]) -> None:
    obj = draft.objects[object_id]
    draft.put_object(msgspec.structs.replace(obj, unique_constraints=constraints))


def _fields(
    draft: Draft, obj: Object, raw: object, path: str, problems: Problems
) -> Sequence[Field]:
    if not isinstance(raw, list):
        problems += wrong_type(path, "a list of names of fields", raw).problems
        return []
    if not LEAST <= len(raw) <= MOST:
        problems.add(path, "OUT_OF_RANGE", f"name {LEAST} to {MOST} fields")
    found: list[Field] = []
    for i, name in enumerate(raw):
        at = f"{path}.{i}"
        field = draft.field(obj.id, name) if isinstance(name, str) else None
        if field is None:
            hint = nearest(str(name), [f.name for f in draft.fields_of(obj.id)])
            problems.add(at, "UNKNOWN_FIELD", f"{obj.name} has no field {name!r}{hint}")
        elif field.type not in TYPES:
            message = f"{field.type} can't be unique; these can: {listing(TYPES)}"
            problems.add(at, "NOT_ELIGIBLE", message)
        elif field in found:
            problems.add(at, "DUPLICATE", f"{field.name} stands twice")
        elif field.state != READY:
            problems.add(at, "FIELD_BUILDING", f"a job is at work on {field.name}")
        else:
            found.append(field)
    return found
