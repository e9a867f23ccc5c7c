"""Cut a workspace's definitions down to what a custom role shows."""

import msgspec

from schema.compiled import Workspace
from schema.model import Field, Object
from services.metadata.logic.catalog import Definitions
from services.metadata.model import Stored, T


def shown(found: Definitions, seen: Workspace) -> Definitions:
    """The definitions of `seen`: hidden and deactivated objects and fields are not among them."""
    objects: dict[str, Stored[Object]] = {}
    fields: dict[str, Stored[Field]] = {}
    for obj in seen.objects.values():
        stored = found.objects[obj.id]
        value = msgspec.structs.replace(
            stored.value,
            label_field=obj.definition.label_field,
            unique_constraints=obj.definition.unique_constraints,
        )
        objects[obj.id] = _with(stored, value)
        fields |= {field_id: found.fields[field_id] for field_id in obj.fields_by_id}
    return Definitions(
        workspace_id=found.workspace_id,
        version=found.version,
        time_zone=found.time_zone,
        week_start=found.week_start,
        objects=objects,
        fields=fields,
        link_types={
            i: _with(found.link_types[i], value) for i, value in seen.link_types_by_id.items()
        },
        views={i: _with(found.views[i], value) for i, value in seen.views.items()},
    )


def _with(stored: Stored[T], value: T) -> Stored[T]:
    return Stored(value, stored.version, stored.create_time, stored.update_time)
