"""Field types: one table of what each is and can do, and the canonical JSON of their values."""

from schema.field_types.base import (
    FieldTypeSpec,
    Kind,
    OperatorFamily,
    Setting,
    SettingKind,
)
from schema.field_types.table import FIELD_TYPES, type_of_values, views_of

__all__ = [
    "FIELD_TYPES",
    "FieldTypeSpec",
    "Kind",
    "OperatorFamily",
    "Setting",
    "SettingKind",
    "type_of_values",
    "views_of",
]
