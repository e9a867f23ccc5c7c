"""Values of records: canonical JSON, patches, whole requests, and what they point to."""

from schema.values.record import RecordValues, record_values
from schema.values.references import Reference, point_to, references
from schema.values.unique import composite_key, unique_key
from schema.values.write import canonical, patch, same

__all__ = [
    "RecordValues",
    "Reference",
    "canonical",
    "composite_key",
    "patch",
    "point_to",
    "record_values",
    "references",
    "same",
    "unique_key",
]
