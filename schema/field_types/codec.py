"""A field made ready to write values: settings, options and patterns are looked at once."""

from dataclasses import dataclass, replace
from typing import Any

from schema.field_types.base import FieldTypeSpec, Write
from schema.field_types.platform import compile_read_only
from schema.field_types.settings import resolved_settings
from schema.field_types.table import FIELD_TYPES
from schema.model import Field, FieldType

_CACHED = 4096


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """`write` turns (old canonical value, what was sent, its path) into the canonical value."""

    field: Field
    spec: FieldTypeSpec
    key: str  # where the value stands in the document
    write: Write
    strict_equality: bool  # 1 is not true: `==` would not tell


def compile_field(field: Field) -> FieldCodec:
    spec = FIELD_TYPES[field.type]
    settings = resolved_settings(field.type, field.settings)
    write = spec.compile(field, settings)
    if field.formula or field.rollup:
        spec = replace(spec, writable=False)
        write = compile_read_only(field, settings)
    return FieldCodec(
        field=field,
        spec=spec,
        key=field.key or field.name,
        write=write,
        strict_equality=field.type is FieldType.JSON,
    )


_codecs: dict[int, FieldCodec] = {}


def codec_of(field: Field) -> FieldCodec:
    """The codec of a field outside a compiled object; the last few thousand are kept.

    Fields hold dicts, so they cannot be hashed: the codec keeps its field alive, which keeps the
    field's `id()` its own.
    """
    codec = _codecs.get(id(field))
    if codec is None or codec.field is not field:
        codec = compile_field(field)
        if len(_codecs) >= _CACHED:
            _codecs.clear()
        _codecs[id(field)] = codec
    return codec


def canonical_value(field: Field, raw: object, path: str) -> Any:
    """The canonical value of what was sent for a field, None when it is empty."""
    codec = codec_of(field)
    if raw is None and codec.spec.writable:
        return None
    return codec.write(None, raw, path)
