"""What must differ between two records where a field is unique."""

from typing import Any

from schema.field_types.table import FIELD_TYPES
from schema.jsonio import dumps
from schema.model import Field, FieldType


def unique_key(field: Field, value: Any) -> str | None:
    """A text that is equal for equal values; None for an empty one, which never clashes."""
    for step in filter(None, FIELD_TYPES[field.type].unique_part.split(".")):
        value = value.get(step) if value is not None else None
    if value is None:
        return None
    if field.type is FieldType.TEXT and field.settings.get("case_insensitive"):
        return str(value).casefold()
    return value if isinstance(value, str) else dumps(value).decode()
