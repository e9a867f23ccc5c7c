"""Which fields of an object tell that two records mean the same thing, as its admins see it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from schema.field_types.duplicates import COMPARED, LEADING
from schema.field_types.refusals import Problems, join, listing, unknown_names, wrong_type
from schema.model import Field, Object
from schema.problems import Problem, nearest
from services.metadata.logic.catalog import Draft

MOST_CRITERIA, MOST_FIELDS = 20, 5


def criteria(draft: Draft, obj: Object, raw: object, path: str) -> tuple[tuple[str, ...], ...]:
    """The criteria as they are kept; an empty list goes back to what the types say. Invalid names
    everything wrong."""
    at = join(path, "duplicate_criteria")
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise wrong_type(at, "a list of criteria, each with its fields", raw)
    problems = Problems()
    if len(raw) > MOST_CRITERIA:
        problems.add(at, "TOO_MANY_VALUES", f"at most {MOST_CRITERIA} criteria")
    found: list[tuple[str, ...]] = []
    for n, one in enumerate(raw):
        with problems.collect():
            made = _criterion(draft, obj, one, f"{at}.{n}")
            if {*made} in [{*other} for other in found]:
                problems.add(f"{at}.{n}", "DUPLICATE", "another criterion has the same fields")
            found.append(made)
    problems.raise_any()
    return tuple(found)


def _criterion(draft: Draft, obj: Object, raw: object, at: str) -> tuple[str, ...]:
    if not isinstance(raw, Mapping):
        raise wrong_type(at, 'an object {"fields": []}', raw)
    problems = Problems()
    unknown = [key for key in raw if key != "fields"]
    problems += unknown_names(
        at, "UNKNOWN_PROPERTY", "property of a criterion", unknown, ["fields"]
    )
    names = raw.get("fields")
    if not isinstance(names, list):
        raise wrong_type(join(at, "fields"), "a list of names of fields", names)
    if not 1 <= len(names) <= MOST_FIELDS:
        problems.add(join(at, "fields"), "OUT_OF_RANGE", f"name 1 to {MOST_FIELDS} fields")
    known = [f.name for f in draft.fields_of(obj.id)]
    fields: list[Field] = []
    for i, name in enumerate(names):
        where = f"{at}.fields.{i}"
        field = draft.field(obj.id, name) if isinstance(name, str) else None
        if field is None or field.name != name:
            hint = nearest(str(name), known)
            problems.add(where, "UNKNOWN_FIELD", f"{obj.name} has no field {name!r}{hint}")
        elif field.type not in COMPARED:
            message = f"{field.type} tells nothing; these can: {listing(COMPARED)}"
            problems.add(where, "NOT_ELIGIBLE", message)
        elif field in fields:
            problems.add(where, "DUPLICATE", f"{field.name} stands twice")
        else:
            fields.append(field)
    if not problems and not any(_leads(field) for field in fields):
        message = (
            f"one of them must be indexed and one of {listing(LEADING)}: it is looked up by that"
        )
        problems.add(join(at, "fields"), "NOT_ELIGIBLE", message)
    problems.raise_any()
    return tuple(field.name for field in fields)


def _leads(field: Field) -> bool:
    return field.type in LEADING and field.indexed


def without_field(draft: Draft, field: Field) -> None:
    """Drop the criteria of a field that leaves."""
    obj = draft.objects[field.object_id]
    kept = tuple(one for one in obj.duplicate_criteria if field.name not in one)
    if kept != obj.duplicate_criteria:
        draft.put_object(msgspec.structs.replace(obj, duplicate_criteria=kept))


def check_change(draft: Draft, old: Field, new: Field, path: str) -> list[Problem]:
    """IN_USE for a change after which a criterion could not be looked up any more."""
    obj = draft.objects[old.object_id]
    problems = []
    for one in obj.duplicate_criteria:
        if old.name not in one:
            continue
        fields = [new if name == old.name else draft.field(obj.id, name) for name in one]
        able = [f for f in fields if f is not None and f.type in COMPARED]
        if len(able) == len(one) and any(_leads(f) for f in able):
            continue
        part = "type" if new.type is not old.type else "indexed"
        message = f"the duplicate criterion {' and '.join(one)} uses it: change that first"
        problems.append(Problem(join(path, part), "IN_USE", message))
    return problems


def shown(obj: Object) -> list[dict[str, Any]]:
    return [{"fields": list(one)} for one in obj.duplicate_criteria]
