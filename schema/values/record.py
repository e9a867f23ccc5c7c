"""Write the fields of a record: every field judged, every problem reported, defaults filled in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from schema.compiled import PLATFORM_FIELDS, CompiledObject
from schema.field_types.codec import FieldCodec, compile_field
from schema.field_types.dates import canonical_instant
from schema.field_types.platform import read_only
from schema.field_types.refusals import Problems, path_part, unknown_names, wrong_type
from schema.formulas import Computed, compute
from schema.model import Field, FieldType
from schema.problems import Invalid
from schema.values.write import same

# A record's position stands outside its document but is written like a field.
POSITION = Field(id="position", object_id="", name="position", type=FieldType.POSITION)
_POSITION_CODEC = compile_field(POSITION)
_MAX_FIELDS = 1000  # of one request, before anything is looked at


class RecordValues(NamedTuple):
    """The document after the write, without empty values, and the fields that changed.

    `position`, where it was sent, is among them under that key: a number, "first" or "last".
    """

    values: dict[str, Any]  # by field key
    changed: list[Field]


def record_values(
    obj: CompiledObject,
    raw: object,
    *,
    old: Mapping[str, Any] | None,
    now: datetime,
    new_uuid: Callable[[], str],
    me: Mapping[str, str] | None,
    path: str = "fields",
) -> RecordValues:
    """Judge what was sent for a record's fields, by name, over its old document (None: a create).

    A create fills in defaults (`now`, `new_uuid` and `me` are theirs) and wants the required
    fields; an update cannot clear one. Raises Invalid with every problem of the request.
    """
    if not isinstance(raw, dict):
        raise wrong_type(path, "an object of fields", raw)
    codecs = obj.codecs
    values: dict[str, Any] = dict(old) if old is not None else {}
    changed: list[Field] = []
    problems: list[Any] = []
    unknown: list[object] = []
    for name, sent in raw.items():
        codec = codecs.get(name)
        if codec is None:
            if name == POSITION.name:
                codec = _POSITION_CODEC
            elif name in PLATFORM_FIELDS:
                problems += read_only(f"{path}.{name}", name).problems
                continue
            else:
                unknown.append(name)
                continue
        before = values.get(codec.key)
        try:
            if sent is None and codec.spec.writable and codec is not _POSITION_CODEC:
                value = None
            else:
                value = codec.write(before, sent, f"{path}.{name}")
        except Invalid as error:
            problems += error.problems
            continue
        if value is None:
            if codec.field.required:
                problems += _required(f"{path}.{name}", name)
            elif before is not None:
                changed.append(codec.field)
            values.pop(codec.key, None)
        elif before is None or not same(codec, before, value):
            values[codec.key] = value
            changed.append(codec.field)
    if unknown:
        problems += unknown_names(path, "UNKNOWN_FIELD", "field", unknown, codecs)
    defaults = _Defaults(now, new_uuid, me)
    if old is None:
        problems += _fill_in(codecs, raw, RecordValues(values, changed), defaults, path)
    if problems:
        raise Invalid(problems)
    if old is None and obj.computes:
        values |= obj.full.of_nothing
    if obj.computes and (formulas := obj.full.formulas):
        changed += _computed(obj, formulas, values, None if old is not None else defaults)
    return RecordValues(values, changed)


def _computed(
    obj: CompiledObject,
    formulas: Sequence[Computed],
    values: dict[str, Any],
    defaults: "_Defaults | None",
) -> list[Field]:
    """Compute every formula of the object over the document, hidden fields included; a new record
    (with `defaults`) gets those of hidden fields beside it, which are taken as read."""
    if defaults is None or obj.base is None:
        return compute(formulas, values)
    filled = RecordValues({}, [])
    _fill_in(obj.hidden.codecs, {}, filled, defaults, "")
    whole = filled.values | values
    changed = compute(formulas, whole)
    for one in formulas:
        if one.key in whole:
            values[one.key] = whole[one.key]
        else:
            values.pop(one.key, None)
    return changed


class _Defaults(NamedTuple):
    now: datetime
    new_uuid: Callable[[], str]
    me: Mapping[str, str] | None


def _fill_in(
    codecs: Mapping[str, FieldCodec],
    raw: Mapping[str, object],
    record: RecordValues,
    defaults: _Defaults,
    path: str,
) -> Problems:
    problems = Problems()
    for name, codec in codecs.items():
        field = codec.field
        if name in raw or (field.default is None and not field.required):
            continue
        with problems.collect():
            value = None
            if field.default is not None:
                value = _default(codec, defaults, f"{path}.{name}")
            if value is not None:
                record.values[codec.key] = value
                record.changed.append(field)
            elif field.required and codec.spec.writable:
                raise Invalid(_required(f"{path}.{name}", name))
    return problems


def _default(codec: FieldCodec, defaults: _Defaults, path: str) -> Any:
    default = codec.field.default
    if not (isinstance(default, dict) and default.keys() == {"$"}):
        return codec.write(None, default, path)
    word = default["$"]
    if word == "now":
        if codec.field.type is FieldType.DATE:
            return defaults.now.date().isoformat()
        return canonical_instant(defaults.now)
    if word == "uuid":
        return codec.write(None, str(defaults.new_uuid()), path)
    if defaults.me is None:
        return None
    if codec.field.type is FieldType.ACTOR:
        return {part: defaults.me.get(part) for part in codec.spec.parts}
    return codec.write(None, defaults.me["id"], path)


def _required(path: str, name: str) -> list[Any]:
    problems = Problems()
    problems.add(path, "REQUIRED", f"{path_part(name)} is required and must not be empty")
    return problems
