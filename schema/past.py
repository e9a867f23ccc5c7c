"""Tell which fields a change of the past can have been about: a name may have been another's then.

What announces a change says names. A field that has gone leaves its name to a new one, which must
not inherit its history: not its values, and not who may see them. Ids say when fields were made.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from schema.compiled import CompiledObject

_CLOCKS = timedelta(seconds=5)  # that those of two machines may differ by


def fields_at(obj: CompiledObject, moment: datetime) -> set[str]:
    """The names of the object's fields that were there at the moment already."""
    return {
        name
        for name, field in obj.fields.items()
        if (made := made_at(field.id)) is None or made - _CLOCKS <= moment
    }


def made_at(field_id: str) -> datetime | None:
    """When the field was defined; None where its id does not say."""
    try:
        found = UUID(field_id)
    except ValueError:
        return None
    if found.version != 7:
        return None
    return datetime.fromtimestamp((found.int >> 80) / 1000, UTC)
