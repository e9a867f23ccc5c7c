"""The one table of field types: how each is written, filtered, sorted, indexed and set up."""

from schema.field_types import (
    choices,
    composites,
    dates,
    identity,
    numbers,
    rollups,
    structured,
    text,
)
from schema.field_types.base import FieldTypeSpec, Kind, OperatorFamily, Setting, SettingKind
from schema.field_types.emails import compile_emails
from schema.field_types.links import compile_links
from schema.field_types.phones import compile_phones
from schema.field_types.platform import compile_read_only, formula_conflicts
from schema.model import Field, FieldType

_TABLE = "table"
_NOW, _UUID, _ME = "now", "uuid", "me"

FIELD_TYPES: dict[FieldType, FieldTypeSpec] = {
    FieldType.TEXT: FieldTypeSpec(
        operators=OperatorFamily.TEXT,
        compile=text.compile_text,
        kind=Kind.TEXT,
        settings={
            "max_length": Setting(SettingKind.INTEGER, default=10_000, minimum=1, maximum=100_000),
            "pattern": Setting(SettingKind.PATTERN, maximum=1_000),
            "case_insensitive": Setting(SettingKind.BOOLEAN, default=False),
        },
        dynamic_defaults=frozenset({_UUID, _ME}),
        groupable=True,
        unique_allowed=True,
        searchable=True,
    ),
    FieldType.RICH_TEXT: FieldTypeSpec(
        operators=OperatorFamily.TEXT,
        compile=text.compile_rich_text,
        parts={"markdown": Kind.TEXT},
        sortable=False,
        indexable=False,
        searchable=True,
    ),
    FieldType.NUMBER: FieldTypeSpec(
        operators=OperatorFamily.NUMBER,
        compile=numbers.compile_number,
        kind=Kind.NUMBER,
        settings={
            "integer": Setting(SettingKind.BOOLEAN, default=False),
            "min": Setting(SettingKind.NUMBER),
            "max": Setting(SettingKind.NUMBER),
            "decimals": Setting(SettingKind.INTEGER, minimum=0, maximum=30),
        },
        conflicts=numbers.number_conflicts,
        groupable=True,
        aggregatable=True,
        unique_allowed=True,
    ),
    FieldType.DECIMAL: FieldTypeSpec(
        operators=OperatorFamily.NUMBER,
        compile=numbers.compile_decimal,
        kind=Kind.NUMBER,
        numbers_as_text=True,
        settings={
            "precision": Setting(SettingKind.INTEGER, default=38, minimum=1, maximum=38),
            "scale": Setting(SettingKind.INTEGER, default=2, minimum=0, maximum=38),
        },
        conflicts=numbers.decimal_conflicts,
        groupable=True,
        aggregatable=True,
        unique_allowed=True,
    ),
    FieldType.BOOLEAN: FieldTypeSpec(
        operators=OperatorFamily.BOOLEAN,
        compile=choices.compile_boolean,
        kind=Kind.TEXT,
        views=frozenset({_TABLE, "kanban"}),
        groupable=True,
    ),
    FieldType.DATE: FieldTypeSpec(
        operators=OperatorFamily.DATE,
        compile=dates.compile_date,
        kind=Kind.DATE,
        dynamic_defaults=frozenset({_NOW}),
        views=frozenset({_TABLE, "calendar"}),
        groupable=True,
        unique_allowed=True,
    ),
    FieldType.DATE_TIME: FieldTypeSpec(
        operators=OperatorFamily.DATE,
        compile=dates.compile_date_time,
        kind=Kind.TIMESTAMP,
        dynamic_defaults=frozenset({_NOW}),
        views=frozenset({_TABLE, "calendar"}),
        groupable=True,
        unique_allowed=True,
    ),
    FieldType.SELECT: FieldTypeSpec(
        operators=OperatorFamily.SELECT,
        compile=choices.compile_select,
        kind=Kind.TEXT,
        options=True,
        views=frozenset({_TABLE, "kanban"}),
        groupable=True,
    ),
    FieldType.MULTI_SELECT: FieldTypeSpec(
        operators=OperatorFamily.LIST,
        compile=choices.compile_multi_select,
        kind=Kind.TEXT,
        options=True,
        sortable=False,
        multi_valued=True,
    ),
    FieldType.RATING: FieldTypeSpec(
        operators=OperatorFamily.NUMBER,
        compile=numbers.compile_rating,
        kind=Kind.NUMBER,
        settings={"max": Setting(SettingKind.INTEGER, default=5, minimum=1, maximum=100)},
        groupable=True,
        aggregatable=True,
    ),
    FieldType.CURRENCY: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=composites.compile_currency,
        parts={"amount_micros": Kind.NUMBER, "currency_code": Kind.TEXT},
        sort_parts=("currency_code", "amount_micros"),
        aggregatable=True,
    ),
    FieldType.FULL_NAME: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=composites.compile_full_name,
        parts={"first_name": Kind.TEXT, "last_name": Kind.TEXT},
        sort_parts=("first_name", "last_name"),
        searchable=True,
    ),
    FieldType.EMAILS: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=compile_emails,
        parts={"primary": Kind.TEXT},
        list_parts={"additional": Kind.TEXT},
        sort_parts=("primary",),
        unique_allowed=True,
        unique_part="primary",
        searchable=True,
    ),
    FieldType.PHONES: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=compile_phones,
        parts={
            "primary.number": Kind.TEXT,
            "primary.country_code": Kind.TEXT,
            "primary.extension": Kind.TEXT,
        },
        list_parts={"additional.number": Kind.TEXT},
        sort_parts=("primary.number",),
        unique_allowed=True,
        unique_part="primary.number",
        searchable=True,
    ),
    FieldType.LINKS: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=compile_links,
        parts={"primary.url": Kind.TEXT, "primary.label": Kind.TEXT},
        list_parts={"secondary.url": Kind.TEXT},
        sort_parts=("primary.url",),
        unique_allowed=True,
        unique_part="primary.url",
        searchable=True,
    ),
    FieldType.ADDRESS: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=composites.compile_address,
        parts={
            "street1": Kind.TEXT,
            "street2": Kind.TEXT,
            "city": Kind.TEXT,
            "postcode": Kind.TEXT,
            "state": Kind.TEXT,
            "country": Kind.TEXT,
            "lat": Kind.NUMBER,
            "lng": Kind.NUMBER,
        },
        sort_parts=("country", "city", "street1"),
        views=frozenset({_TABLE, "map"}),
        searchable=True,
    ),
    FieldType.ARRAY: FieldTypeSpec(
        operators=OperatorFamily.LIST,
        compile=choices.compile_array,
        kind=Kind.TEXT,
        sortable=False,
        searchable=True,
        multi_valued=True,
    ),
    FieldType.JSON: FieldTypeSpec(
        operators=OperatorFamily.JSON,
        compile=structured.compile_json,
        sortable=False,
        indexable=False,
    ),
    FieldType.UUID: FieldTypeSpec(
        operators=OperatorFamily.IDENTITY,
        compile=identity.compile_uuid,
        kind=Kind.REF,
        dynamic_defaults=frozenset({_UUID, _ME}),
        unique_allowed=True,
    ),
    FieldType.RELATION: FieldTypeSpec(
        operators=OperatorFamily.RELATION,
        compile=identity.compile_relation,
        kind=Kind.REF,
        settings={
            "targets": Setting(SettingKind.NAMES, maximum=50, required=True),
            "inverse_name": Setting(SettingKind.NAME),
        },
        views=frozenset({_TABLE, "kanban"}),
        groupable=True,
    ),
    FieldType.FILE: FieldTypeSpec(
        operators=OperatorFamily.LIST,
        compile=identity.compile_file,
        kind=Kind.REF,
        settings={"max_files": Setting(SettingKind.INTEGER, default=10, minimum=1, maximum=100)},
        sortable=False,
        indexable=False,
        multi_valued=True,
    ),
    FieldType.ACTOR: FieldTypeSpec(
        operators=OperatorFamily.COMPOSITE,
        compile=compile_read_only,
        parts={"kind": Kind.TEXT, "id": Kind.TEXT, "name": Kind.TEXT},
        sort_parts=("name", "id"),
        dynamic_defaults=frozenset({_ME}),
        writable=False,
    ),
    FieldType.POSITION: FieldTypeSpec(
        operators=OperatorFamily.NUMBER,
        compile=numbers.compile_position,
        kind=Kind.NUMBER,
    ),
    FieldType.AUTO_NUMBER: FieldTypeSpec(
        operators=OperatorFamily.NUMBER,
        compile=compile_read_only,
        kind=Kind.NUMBER,
        settings={
            "prefix": Setting(SettingKind.TEXT, maximum=32),  # how clients show it: INV-
            "padding": Setting(SettingKind.INTEGER, default=0, minimum=0, maximum=18),  # digits
            "start": Setting(SettingKind.INTEGER, default=1, minimum=0, maximum=2**53),
        },
        writable=False,
    ),
    FieldType.FORMULA: FieldTypeSpec(
        operators=OperatorFamily.TEXT,
        compile=compile_read_only,
        kind=Kind.TEXT,
        settings={
            "expression": Setting(SettingKind.TEXT, minimum=1, maximum=4_000, required=True),
            "result_type": Setting(
                SettingKind.CHOICE,
                default="text",
                choices=("text", "number", "boolean", "date", "date_time"),  # of RESULTS
            ),
            "decimals": Setting(SettingKind.INTEGER, minimum=0, maximum=30),  # of a number
        },
        conflicts=formula_conflicts,
        writable=False,
    ),
    FieldType.ROLLUP: FieldTypeSpec(
        operators=OperatorFamily.NUMBER,
        compile=compile_read_only,
        kind=Kind.NUMBER,
        settings={
            "path": Setting(SettingKind.NAME, required=True),  # the inverse name of a relation
            "function": Setting(SettingKind.CHOICE, choices=rollups.FUNCTIONS, required=True),
            "field": Setting(SettingKind.NAME),  # of the other side; not for count
            "filter": Setting(SettingKind.FILTER),  # of the records that count
            "currency_code": Setting(SettingKind.TEXT, minimum=3, maximum=3),
            "decimals": Setting(SettingKind.INTEGER, minimum=0, maximum=30),  # of avg
            # Worked out when it is defined, from the field that it measures.
            "result_type": Setting(SettingKind.CHOICE, choices=tuple(rollups.RESULTS)),
            "scale": Setting(SettingKind.INTEGER, minimum=0, maximum=38),
        },
        conflicts=rollups.rollup_conflicts,
        aggregatable=True,
        writable=False,
    ),
}


RESULTS = {
    "text": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "date_time": FieldType.DATE_TIME,
}


def type_of_values(field: Field) -> FieldType:
    """What the values of a field are: of a formula its results, of a rollup its figures."""
    if field.type is FieldType.FORMULA:
        return RESULTS[field.settings.get("result_type", "text")]
    if field.type is FieldType.ROLLUP:
        return rollups.RESULTS[field.settings.get("result_type", "number")]
    return field.type


def views_of(field: Field) -> frozenset[str]:
    """The views that a field unlocks: a board's groups are records of one object alone."""
    found = FIELD_TYPES[type_of_values(field)].views
    if field.type is FieldType.RELATION and len(field.settings.get("targets", ())) != 1:
        return found - {"kanban"}
    return found
