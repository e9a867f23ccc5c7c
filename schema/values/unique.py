"""What must differ between two records where a field, or several together, are unique."""

from collections.abc import Mapping, Sequence
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


def composite_key(fields: Sequence[Field], doc: Mapping[str, Any]) -> str | None:
    """A text that is equal where all values are; None where one is empty, which never clashes."""
    parts = []
    for field in fields:
        value = doc.get(field.key or field.name)
        if field.type is FieldType.RELATION and isinstance(value, dict):
            value = value.get("id")  # ids are unique over all objects
        text = None if value is None else unique_key(field, value)
        if text is None:
            return None
        parts.append(text)
    return dumps(parts).decode()
