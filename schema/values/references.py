"""Find the records and files that values point to, so that one batch can check them all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schema.model import Field, FieldType


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing a value points to; exactly one of `id` and `match` is given."""

    field: Field
    path: str
    objects: tuple[str, ...]  # the allowed objects' names; none for a file
    id: str | None = None
    match: dict[str, Any] | None = None  # unique fields of the one object, and their values

    @property
    def is_file(self) -> bool:
        return self.field.type is FieldType.FILE


def references(
    fields: Iterable[Field], values: Mapping[str, Any], path: str = "fields"
) -> list[Reference]:
    """Every reference in the values (by field key) of these fields, usually the changed ones."""
    found: list[Reference] = []
    for field in fields:
        if field.type not in (FieldType.RELATION, FieldType.FILE):
            continue
        value = values.get(field.key or field.name)
        if value is None:
            continue
        where = f"{path}.{field.name}"
        if field.type is FieldType.FILE:
            found += [Reference(field, f"{where}.{i}", (), one) for i, one in enumerate(value)]
        elif isinstance(value, str):
            found.append(Reference(field, where, tuple(field.settings.get("targets", ())), value))
        else:
            objects = (value["object"],)
            found.append(Reference(field, where, objects, value.get("id"), value.get("match")))
    return found


def point_to(field: Field, object_name: str, record_id: str) -> Any:
    """The canonical value of a relation, once it is known which record a match means."""
    if len(field.settings.get("targets", ())) == 1:
        return record_id
    return {"object": object_name, "id": record_id}
