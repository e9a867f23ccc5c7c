"""Say which fields a view can be built on, and what can be figured over a field."""

from schema.field_types import FIELD_TYPES
from schema.field_types.refusals import listing
from schema.model import Field, FieldType, ViewType
from services.metadata.model import Eligibility

FUNCTIONS = ("count", "sum", "avg", "min", "max")


def eligibility(fields: list[Field], view_type: ViewType) -> list[Eligibility]:
    """Each field of the object, in order."""
    able = [t for t, spec in FIELD_TYPES.items() if view_type in spec.views]
    found = []
    for field in fields:
        if view_type in FIELD_TYPES[field.type].views:
            found.append(Eligibility(field, eligible=True))
        else:
            reason = f"{field.type} does not unlock {view_type}; types that do: {listing(able)}"
            found.append(Eligibility(field, eligible=False, reason=reason))
    return found


def can_figure(fn: str, field: Field) -> bool:
    """Whether a function can run over a field: min and max over whatever has one order."""
    spec = FIELD_TYPES[field.type]
    if fn in {"min", "max"}:
        ordered = field.type in {FieldType.DATE, FieldType.DATE_TIME, FieldType.DECIMAL}
        return spec.aggregatable or ordered
    return spec.aggregatable
