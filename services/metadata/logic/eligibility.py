"""Say which fields a view can be built on, and what can be figured over a field."""

from schema.field_types import FIELD_TYPES, type_of_values, views_of
from schema.field_types.refusals import listing
from schema.model import Field, FieldType, ViewType
from services.metadata.model import Eligibility

FUNCTIONS = ("count", "sum", "avg", "min", "max")


def eligibility(fields: list[Field], view_type: ViewType) -> list[Eligibility]:
    """Each field of the object, in order."""
    able = [t for t, spec in FIELD_TYPES.items() if view_type in spec.views]
    found = []
    for field in fields:
        if view_type in views_of(field):
            found.append(Eligibility(field, eligible=True))
        elif view_type in FIELD_TYPES[field.type].views:
            reason = f"{field.name} leads to several objects; a {view_type} needs one"
            found.append(Eligibility(field, eligible=False, reason=reason))
        else:
            reason = f"{field.type} does not unlock {view_type}; types that do: {listing(able)}"
            found.append(Eligibility(field, eligible=False, reason=reason))
    return found


def can_figure(fn: str, field: Field) -> bool:
    """Whether a function can run over a field: min and max over whatever has one order."""
    kind = type_of_values(field)
    spec = FIELD_TYPES[kind]
    if fn in {"min", "max"}:
        ordered = kind in {FieldType.DATE, FieldType.DATE_TIME, FieldType.DECIMAL}
        return spec.aggregatable or ordered
    return spec.aggregatable
