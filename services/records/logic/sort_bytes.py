"""Write a record's place in a sort as bytes that compare as the sort does.

Every component stands for itself: a byte for empty or not, then the value in an order-preserving
form that no other value's form begins with; of a descending key all bytes of the value are turned
over. What a page token says of a place gives the same bytes as the record itself.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from schema.filters.scalars import Record
from schema.filters.sort_parts import Component, Measure
from schema.sorts import SortKey
from services.records.logic import numbers

MAX_BYTES = 2000  # a B-tree's entry has room for 2,700, and there is more in it
_FIRST, _FILLED, _LAST = b"\x00", b"\x01", b"\x02"
BEHIND_ALL = b"\x03"  # every place begins with one of these
_END = b"\x00"  # no text has it, and no number's digits do
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BIAS = 1 << 63
_TURNED = bytes(255 - byte for byte in range(256))
_MICROSECOND = timedelta(microseconds=1)

Encode = Callable[[Any], bytes]


class TooLong(Exception):
    """The place takes more bytes than an index holds."""


def _text(value: Any) -> bytes:
    return str(value).encode() + _END


def _number(value: Any) -> bytes:
    exact = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    return numbers.encode(exact) + _END


def _rank(value: Any) -> bytes:
    return int(value).to_bytes(4)


def _boolean(value: Any) -> bytes:
    return b"\x01" if value is True or value == "true" else b"\x00"


def _instant(value: Any) -> bytes:
    """Of a platform column: a record has it as canonical text without the Z, a token as SQL's."""
    text = str(value)
    moment = datetime.fromisoformat(text if "+" in text or text.endswith("Z") else f"{text}+00:00")
    return ((moment - _EPOCH) // _MICROSECOND + _BIAS).to_bytes(8)


def _uuid(value: Any) -> bytes:
    return UUID(str(value)).bytes


_FORMS: dict[Measure, Encode] = {
    Measure.FOLD: _text,
    Measure.TEXT: _text,
    Measure.NUMBER: _number,
    Measure.RANK: _rank,
    Measure.BOOLEAN: _boolean,
    Measure.INSTANT: _text,
    Measure.UUID: _uuid,
}


def _form(component: Component) -> Encode:
    if component.measure is Measure.INSTANT and component.leaf.column:
        return _instant
    return _FORMS[component.measure]


def _encoder(key: SortKey, component: Component) -> Encode:
    form = _form(component)
    empty = _FIRST if key.nulls_first else _LAST

    def ascending(value: Any) -> bytes:
        return empty if value is None else _FILLED + form(value)

    def descending(value: Any) -> bytes:
        return empty if value is None else _FILLED + form(value).translate(_TURNED)

    return descending if key.descending else ascending


def of_values(keys: Sequence[SortKey]) -> Callable[[Sequence[Any]], bytes]:
    """A function from the place in a page token to its bytes."""
    forms = [_encoder(key, component) for key in keys for component in key.components]

    def encode(values: Sequence[Any]) -> bytes:
        return b"".join(form(value) for form, value in zip(forms, values, strict=True))

    return encode


def of_record(keys: Sequence[SortKey]) -> Callable[[Record], bytes]:
    """A function from a record to the bytes of its place; TooLong beyond what an index holds."""
    getters = [component.getter() for key in keys for component in key.components]
    encode = of_values(keys)

    def place(record: Record) -> bytes:
        found = encode([get(record) for get in getters])
        if len(found) > MAX_BYTES:
            raise TooLong
        return found

    return place
