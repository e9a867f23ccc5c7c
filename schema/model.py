"""What a workspace defines: objects, fields, options, views and link types, as plain values.

These are msgspec structs because a snapshot of them travels between planes as JSON and is
decoded, checked and typed in one step.
"""

from enum import StrEnum
from typing import Any

import msgspec


class FieldType(StrEnum):
    TEXT = "text"
    RICH_TEXT = "rich_text"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date_time"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    RATING = "rating"
    CURRENCY = "currency"
    FULL_NAME = "full_name"
    EMAILS = "emails"
    PHONES = "phones"
    LINKS = "links"
    ADDRESS = "address"
    ARRAY = "array"
    JSON = "json"
    UUID = "uuid"
    RELATION = "relation"
    FILE = "file"
    ACTOR = "actor"
    POSITION = "position"
    AUTO_NUMBER = "auto_number"
    FORMULA = "formula"
    ROLLUP = "rollup"


# Platform fields: every record has them, under these names, outside its document.
PLATFORM_FIELDS: dict[str, FieldType] = {
    "id": FieldType.UUID,
    "create_time": FieldType.DATE_TIME,
    "update_time": FieldType.DATE_TIME,
    "delete_time": FieldType.DATE_TIME,
    "created_by": FieldType.ACTOR,
    "updated_by": FieldType.ACTOR,
    "position": FieldType.POSITION,
    "version": FieldType.NUMBER,
}


class ViewType(StrEnum):
    TABLE = "table"
    KANBAN = "kanban"
    CALENDAR = "calendar"
    MAP = "map"


class Option(msgspec.Struct, frozen=True):
    """One choice of a select or multi_select; `id` and the order survive renames."""

    id: str
    value: str
    label: str
    color: str = "gray"
    position: int = 0


class Field(msgspec.Struct, frozen=True):
    """One typed attribute of an object. `key` is where its value stands in a record's document:
    the first name it ever had, so that a rename rewrites nothing."""

    id: str
    object_id: str
    name: str
    type: FieldType
    key: str = ""
    label: str = ""
    description: str = ""
    settings: dict[str, Any] = {}
    options: tuple[Option, ...] = ()  # in position order
    default: Any = None  # a valid value, or {"$": "now" | "uuid" | "me"}
    required: bool = False
    unique: bool = False
    indexed: bool = True
    searchable: bool = False
    pii: str = ""
    active: bool = True
    state: str = "ready"  # or "building": a job runs, the old behaviour stands
    position: int = 0
    standard: bool = False
    slot: str = ""  # what indexes keep its values under since a conversion; empty: its id
    formula: str = ""  # what computes it, once `schema.formulas` has made its type the result's
    rollup: dict[str, Any] = {}  # its settings, once its type is that of the figure

    @property
    def index_id(self) -> str:
        """The id that indexes and constraints know its values by: another after a conversion."""
        return self.slot or self.id


class UniqueConstraint(msgspec.Struct, frozen=True):
    """Fields whose values, together, only one live record of an object may have."""

    id: str  # what its claims are kept under
    name: str
    field_ids: tuple[str, ...]  # in the order in which they were named
    state: str = "ready"  # or "building": a job looks at the records, nothing is refused yet


class Object(msgspec.Struct, frozen=True):
    """One kind of record."""

    id: str
    name: str
    plural_name: str
    label: str = ""
    plural_label: str = ""
    description: str = ""
    icon: str = ""
    label_field: str = ""  # a field's name, or empty: the id
    standard: bool = False
    active: bool = True
    fields: tuple[Field, ...] = ()  # in position order, inactive ones included
    unique_constraints: tuple[UniqueConstraint, ...] = ()
    # Names of fields whose values, together, tell that two records mean the same thing; none: what
    # the types of the fields say.
    duplicate_criteria: tuple[tuple[str, ...], ...] = ()


class View(msgspec.Struct, frozen=True):
    """A saved way to look at an object. Fields are referred to by id, so renames do not matter."""

    id: str
    object_id: str
    name: str
    type: ViewType
    icon: str = ""
    position: int = 0
    visibility: str = "workspace"  # or "private": its creator's alone
    created_by: str = ""  # principal id
    columns: tuple[dict[str, Any], ...] = ()  # {field_id, position, width, visible, aggregate}
    filter: dict[str, Any] = {}  # the JSON spelling, by field name at the time of writing
    sort: str = ""
    groups: tuple[dict[str, Any], ...] = ()  # {option_id | "", position, visible, color}
    group_field_id: str = ""
    aggregates: tuple[dict[str, Any], ...] = ()  # {fn, field_id, as}
    date_field_id: str = ""
    end_date_field_id: str = ""
    location_field_id: str = ""  # of a map: an address
    layout: str = "month"
    open_in: str = "side_panel"
    materialized: str = "auto"


class LinkType(msgspec.Struct, frozen=True):
    """A kind of link between two nodes, read from either end."""

    id: str
    name: str
    inverse_name: str
    source_kinds: tuple[str, ...] = ()  # object names, "note", "todo", "file"; empty: any
    target_kinds: tuple[str, ...] = ()
    cardinality: str = "many_to_many"  # one_to_one | many_to_one | one_to_many | many_to_many
    on_source_delete: str = "unlink"  # cascade | unlink | restrict
    on_target_delete: str = "unlink"
    symmetric: bool = False
    field_id: str = ""  # the relation field it projects, if any
    label: str = ""
    inverse_label: str = ""
    active: bool = True


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a workspace defines, at one version."""

    workspace_id: str
    version: int
    objects: tuple[Object, ...] = ()
    views: tuple[View, ...] = ()
    link_types: tuple[LinkType, ...] = ()
    time_zone: str = "UTC"
    week_start: str = "monday"
