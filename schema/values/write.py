"""Write one value: whole, or as a patch of the old one; tell whether it changed."""

from decimal import Decimal
from typing import Any

from schema.field_types.codec import FieldCodec, canonical_value, codec_of
from schema.field_types.structured import same_json
from schema.model import Field


def canonical(field: Field, raw: object, path: str) -> Any:
    """The canonical JSON of a value, None when it is empty; Invalid with every problem in it."""
    return canonical_value(field, raw, path)


def patch(field: Field, old: Any, raw: object, path: str) -> Any:
    """The canonical value after a patch of the old canonical one.

    null clears; parts of a composite merge; lists are replaced, or changed by `$remove` and then
    `$add`; everything else is replaced.
    """
    codec = codec_of(field)
    if raw is None and codec.spec.writable:
        return None
    return codec.write(old, raw, path)


def same(codec: FieldCodec, old: Any, new: Any) -> bool:
    """Whether two canonical values are equal, even where the old one was read through doubles."""
    if codec.strict_equality:
        return same_json(old, new) or same_json(_exact(old), new)
    return bool(old == new or (old is not None and _exact(old) == new))


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _exact(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_exact(one) for one in value]
    return value
