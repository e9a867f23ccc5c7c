"""Say what a draft comes to: what is added, taken away or narrowed, and what that touches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schema.field_changes import FieldChange
from schema.model import Field, FieldType, Object, View
from services.metadata.logic.catalog import Draft
from services.metadata.logic.widening import needs
from services.metadata.model import Difference, Job, Noun

_GOING = {"deactivated": "deactivate", "deleted": "delete"}
_COMING = {"created": "create", "reactivated": "reactivate"}


@dataclass(frozen=True, slots=True)
class Consequence:
    """One thing that a change does."""

    action: str  # create, update, reactivate, deactivate, delete, rewrite
    kind: str
    path: str
    destructive: bool = False
    affects: tuple[str, ...] = ()  # views and link types, by path
    job_id: str = ""
    # Whose records are touched: an object, or those with a value of a field of it.
    object_id: str = ""
    field_name: str = ""


def consequences(draft: Draft) -> list[Consequence]:
    """Of everything that differs from what the draft began with, in its order."""
    differences = draft.differences()
    jobs = {j.field_id: j for j in draft.requested if isinstance(j.plan, FieldChange)}
    looking = {
        j.object_id: j
        for j in jobs.values()
        if isinstance(j.plan, FieldChange) and j.plan.constraint
    }
    found = []
    for one in differences:
        verb = one.verb
        job = jobs.get(one.entity_id) if one.noun is Noun.FIELD else None
        action = _GOING.get(verb) or _COMING.get(verb) or ("rewrite" if job else "update")
        destructive = verb in _GOING
        if job is not None and action == "rewrite" and isinstance(job.plan, FieldChange):
            destructive = _takes_away(job.plan)
        touched: tuple[str, ...] = ()
        if destructive and one.noun in {Noun.FIELD, Noun.OBJECT}:
            touched = _touched(draft, differences, one)
        found.append(
            Consequence(
                action=action,
                kind=str(one.noun),
                path=path_of(draft, one),
                destructive=destructive,
                affects=touched,
                job_id=job.id if job else _looking(looking, one),
                object_id=_object_id(one) if destructive and one.noun is not Noun.VIEW else "",
                field_name=one.entity.name if one.noun is Noun.FIELD else "",
            )
        )
    return found


def _looking(looking: Mapping[str, Job], difference: Difference) -> str:
    """The job that looks at an object's records for the sake of a unique constraint."""
    found = looking.get(difference.entity_id) if difference.noun is Noun.OBJECT else None
    return found.id if found else ""


def _takes_away(change: FieldChange) -> bool:
    """Whether values may be refused, rewritten or cleared; making required or unique only looks,
    and formulas and rollups are worked out from what stays."""
    if change.target.type in {FieldType.FORMULA, FieldType.ROLLUP}:
        return False
    found = needs(change.old, change.target)
    return found.converts or bool(set(found.looks) - {"required", "unique"})


def path_of(draft: Draft, difference: Difference) -> str:
    """Dotted, led by the object's name."""
    entity = difference.entity
    if difference.noun in {Noun.FIELD, Noun.VIEW}:
        return f"{_object_name(draft, entity)}.{entity.name}"
    return entity.name


def _object_name(draft: Draft, entity: Any) -> str:
    found = draft.objects.get(entity.object_id)
    if found is None:
        found = draft.base.objects[entity.object_id].value
    return found.name


def _object_id(difference: Difference) -> str:
    if difference.noun is Noun.OBJECT:
        return difference.entity_id
    return str(getattr(difference.entity, "object_id", ""))


def _touched(draft: Draft, differences: list[Difference], cause: Difference) -> tuple[str, ...]:
    """Views and link types that change or go in the same draft because of it."""
    found = []
    for one in differences:
        if one.noun is Noun.VIEW and one.before is not None:
            view = one.entity
            assert isinstance(view, View)
            if cause.noun is Noun.OBJECT or _names(one.before, cause.entity):
                found.append(f"view {path_of(draft, one)}")
        elif one.noun is Noun.OBJECT and cause.noun is Noun.FIELD:
            found += _let_go(one, cause.entity_id)
        elif one.noun is Noun.LINK_TYPE and one.verb == "deactivated":
            found.append(f"link_type {one.entity.name}")
    return tuple(found)


def _let_go(changed: Difference, field_id: str) -> list[str]:
    """Unique constraints on the field that an object has no more."""
    before, after = changed.before, changed.after
    if not isinstance(before, Object) or not isinstance(after, Object):
        return []
    return [
        f"unique_constraint {after.name}.{one.name}"
        for one in before.unique_constraints
        if field_id in one.field_ids and one not in after.unique_constraints
    ]


def _names(view: Any, field: Any) -> bool:
    """Whether the view was built on the field, or spoke of it."""
    assert isinstance(view, View)
    assert isinstance(field, Field)
    bound = {
        view.group_field_id,
        view.date_field_id,
        view.end_date_field_id,
        view.location_field_id,
    }
    listed = {c["field_id"] for c in view.columns} | {a["field_id"] for a in view.aggregates}
    return field.id in bound | listed or field.name in view.sort or field.name in str(view.filter)
