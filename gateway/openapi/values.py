"""Describe the values of each field type, as docs and generated clients need them."""

from collections.abc import Mapping
from typing import Any

from gateway.openapi.shapes import Shape
from schema.model import Field, FieldType

_TEXT: Shape = {"type": "string"}
_URL: Shape = {"type": "string", "format": "uri"}
_EMAIL: Shape = {"type": "string", "format": "email"}
_UUID: Shape = {"type": "string", "format": "uuid"}
_MICROS: Shape = {"type": "integer", "format": "int64"}


def _object(**properties: Shape) -> Shape:
    return {"type": "object", "properties": properties}


def _nullable(shape: Shape) -> Shape:
    return {"oneOf": [shape, {"type": "null"}]}


_PHONE = _object(number=_TEXT, country_code=_TEXT, extension=_TEXT)
_LINK = _object(url=_URL, label=_TEXT)
_MORPH = _object(object=_TEXT, id=_UUID)

_SHAPES: Mapping[FieldType, Shape] = {
    FieldType.RICH_TEXT: _object(markdown=_TEXT),
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
    FieldType.DATE_TIME: {"type": "string", "format": "date-time"},
    FieldType.CURRENCY: _object(
        amount_micros=_MICROS, currency_code={"type": "string", "pattern": "^[A-Z]{3}$"}
    ),
    FieldType.FULL_NAME: _object(first_name=_TEXT, last_name=_TEXT),
    FieldType.EMAILS: _object(primary=_EMAIL, additional={"type": "array", "items": _EMAIL}),
    FieldType.PHONES: _object(primary=_PHONE, additional={"type": "array", "items": _PHONE}),
    FieldType.LINKS: _object(primary=_LINK, secondary={"type": "array", "items": _LINK}),
    FieldType.ADDRESS: _object(
        street1=_TEXT,
        street2=_TEXT,
        city=_TEXT,
        postcode=_TEXT,
        state=_TEXT,
        country={"type": "string", "pattern": "^[A-Z]{2}$"},
        lat={"type": "number", "minimum": -90, "maximum": 90},
        lng={"type": "number", "minimum": -180, "maximum": 180},
    ),
    FieldType.ARRAY: {"type": "array", "items": _TEXT},
    FieldType.JSON: {},
    FieldType.UUID: _UUID,
    FieldType.FILE: {"type": "array", "items": _UUID},
    FieldType.ACTOR: _object(kind=_TEXT, id=_TEXT, name=_TEXT),
    FieldType.POSITION: {"type": "number"},
}
_READ_ONLY = {FieldType.ACTOR, FieldType.AUTO_NUMBER, FieldType.FORMULA, FieldType.ROLLUP}


def value(field: Field) -> Shape:
    """The JSON Schema of the field's values as they are read; empty is null."""
    shape = dict(_nullable(_shape(field)))
    shape["title"] = field.label or field.name
    if field.description:
        shape["description"] = field.description
    if field.type in _READ_ONLY or field.formula or field.rollup:
        shape["readOnly"] = True
    return shape


def _shape(field: Field) -> Shape:
    settings = field.settings
    match field.type:
        case FieldType.TEXT:
            return _TEXT | _given(settings, max_length="maxLength", pattern="pattern")
        case FieldType.NUMBER:
            kind = "integer" if settings.get("integer") else "number"
            return {"type": kind} | _given(settings, min="minimum", max="maximum")
        case FieldType.DECIMAL:
            return {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
        case FieldType.SELECT:
            return {"enum": [o.value for o in field.options]}
        case FieldType.MULTI_SELECT:
            return {"type": "array", "items": {"enum": [o.value for o in field.options]}}
        case FieldType.RATING:
            return {"type": "integer", "minimum": 1, "maximum": settings.get("max", 5)}
        case FieldType.RELATION:
            return _UUID if len(settings.get("targets", ())) == 1 else _MORPH
        case other:
            return _SHAPES.get(other, {})


def _given(settings: Mapping[str, Any], **names: str) -> Shape:
    return {names[name]: settings[name] for name in names if settings.get(name) is not None}
