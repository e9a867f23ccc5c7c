"""Find definitions by id or name, or raise what the contract says of those that are not there.

What the caller may not see, and what belongs to another workspace, answers like what never was.
"""

from kit.errors import NotFound
from schema.model import Field, LinkType, Object, UniqueConstraint, View
from schema.problems import nearest
from services.metadata.logic import unique_constraints
from services.metadata.logic.catalog import Draft


def object_of(draft: Draft, name: str, *, inactive: bool = False) -> Object:
    found = draft.object(name, inactive=inactive)
    if found is None:
        hint = nearest(name, draft.object_names())
        raise NotFound("OBJECT_NOT_FOUND", f"there is no object {name!r}{hint}", object=name)
    return found


def field_of(draft: Draft, obj: Object, name: str) -> Field:
    """Deactivated ones as well: they can be read, and reactivated."""
    found = draft.field(obj.id, name, inactive=True)
    if found is None:
        hint = nearest(name, [f.name for f in draft.fields_of(obj.id)])
        message = f"{obj.name} has no field {name!r}{hint}"
        raise NotFound("FIELD_NOT_FOUND", message, object=obj.name, field=name)
    return found


def view_of(draft: Draft, obj: Object, name: str, principal_id: str) -> View:
    found = draft.view(obj.id, name, principal_id)
    if found is None:
        hint = nearest(name, [v.name for v in draft.views_of(obj.id, principal_id)])
        message = f"{obj.name} has no view {name!r}{hint}"
        raise NotFound("VIEW_NOT_FOUND", message, object=obj.name, view=name)
    return found


def link_type_of(draft: Draft, name: str) -> LinkType:
    found = draft.link_type(name)
    if found is None:
        hint = nearest(name, [t.name for t in draft.link_types.values()])
        raise NotFound("LINK_TYPE_NOT_FOUND", f"there is no link type {name!r}{hint}")
    return found


def unique_constraint_of(obj: Object, name: str) -> UniqueConstraint:
    found = unique_constraints.find(obj, name)
    if found is None:
        hint = nearest(name, [c.name for c in obj.unique_constraints])
        raise NotFound(
            "UNIQUE_CONSTRAINT_NOT_FOUND",
            f"{obj.name} has no unique constraint {name!r}{hint}",
            object=obj.name,
            unique_constraint=name,
        )
    return found
