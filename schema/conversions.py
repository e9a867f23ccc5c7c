"""The published table of type conversions: which type may become which, and how a value does.

A value is rewritten as what a client would send for it, and judged by the new definition. Nothing
is dropped or rounded in silence: what does not fit is a problem of its record, and the field stays
as it was. docs/conversions.md shows the table.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from schema.field_types.codec import canonical_value
from schema.field_types.refusals import shown
from schema.jsonio import dumps
from schema.model import Field, FieldType
from schema.problems import refuse

T = FieldType
# Turns (old field, new field, canonical old value) into what may be sent for the new field.
Rewrite = Callable[[Field, Field, Any], Any]

_MICROS = 6
_MAX_EXPONENT = 400  # no field holds more
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _same(_old: Field, _new: Field, value: Any) -> Any:
    return value


def _text(_old: Field, _new: Field, value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _stripped(_old: Field, _new: Field, value: str) -> str | None:
    return value.strip() or None


def _number(_old: Field, _new: Field, value: str) -> Any:
    """From text: digits as people write them, without separators."""
    text = value.strip()
    try:
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT:
        raise _unfit(value, "a number such as -12.50")
    return int(number) if number == number.to_integral_value() and abs(number) < 2**63 else number


def _decimal(old: Field, new: Field, value: Any) -> str:
    number = _number(old, new, value) if isinstance(value, str) else value
    return format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")


def _from_decimal(_old: Field, _new: Field, value: str) -> Any:
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else number


def _boolean(_old: Field, _new: Field, value: str) -> bool:
    found = _WORDS.get(value.strip().lower())
    if found is None:
        raise _unfit(value, "true or false, yes or no")
    return found


def _spoken(_old: Field, _new: Field, value: bool) -> str:
    return "true" if value else "false"


def _option(_old: Field, new: Field, value: Any) -> str:
    """By an option's value or label, without regard to case."""
    text = (_spoken(_old, new, value) if isinstance(value, bool) else str(value)).strip()
    for option in new.options:
        if text.casefold() in {option.value.casefold(), option.label.casefold()}:
            return option.value
    raise refuse("", "UNKNOWN_OPTION", f"there is no option {shown(text)}")


def _options_of(old: Field, new: Field, value: Any) -> list[str]:
    items = value if isinstance(value, list) else value.split(",")
    return [_option(old, new, item) for item in items if item.strip()]


def _chosen(old: Field, new: Field, value: str) -> Any:
    """A select's option among the new field's options, by value."""
    found = [_option(old, new, value)]
    return found if new.type is T.MULTI_SELECT else found[0]


def _label(old: Field, _new: Field, value: str) -> str:
    return next((o.label for o in old.options if o.value == value), value)


def _labels(old: Field, new: Field, value: list[str]) -> list[str]:
    return [_label(old, new, one) for one in value]


def _joined(old: Field, new: Field, value: list[str]) -> str:
    return ", ".join(_labels(old, new, value))


def _only(old: Field, new: Field, value: list[str]) -> Any:
    if len(value) > 1:
        raise refuse("", "TOO_MANY_VALUES", f"it has {len(value)} values, and only one fits")
    return _option(old, new, value[0])


def _split(_old: Field, _new: Field, value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _midnight(_old: Field, _new: Field, value: str) -> str:
    return f"{value}T00:00:00Z"


def _day(_old: Field, _new: Field, value: str) -> str:
    """The day in UTC; a time of day would be lost, so there must be none."""
    if value[10:] not in {"T00:00:00Z", ""}:
        raise refuse("", "LOSSY", "it has a time of day, which a date can't keep")
    return value[:10]


def _primary(part: str) -> Rewrite:
    """A contact field's first value, where it is the only thing in it."""

    def rewrite(_old: Field, _new: Field, value: Mapping[str, Any]) -> Any:
        if any(v for k, v in value.items() if k != "primary"):
            raise refuse("", "LOSSY", "it has more than one value, and only one fits")
        found = value.get("primary")
        if not part or found is None:
            return found
        if found.get("label") or found.get("extension"):
            raise refuse("", "LOSSY", "it has a label or an extension, which a text can't keep")
        return found[part]

    return rewrite


def _whole_name(_old: Field, _new: Field, value: Mapping[str, Any]) -> str:
    return " ".join(part for part in (value.get("first_name"), value.get("last_name")) if part)


def _split_name(_old: Field, _new: Field, value: str) -> dict[str, Any]:
    first, _, last = value.strip().partition(" ")
    return {"first_name": first or None, "last_name": last.strip() or None}


def _amount(_old: Field, _new: Field, value: Mapping[str, Any]) -> Any:
    return _from_decimal(_old, _new, str(Decimal(value["amount_micros"]).scaleb(-_MICROS)))


def _markdown(_old: Field, _new: Field, value: Mapping[str, Any]) -> str:
    return str(value["markdown"])


CONVERSIONS: dict[FieldType, dict[FieldType, Rewrite]] = {
    T.TEXT: {
        T.RICH_TEXT: _same,
        T.NUMBER: _number,
        T.DECIMAL: _decimal,
        T.RATING: _number,
        T.BOOLEAN: _boolean,
        T.DATE: _stripped,
        T.DATE_TIME: _stripped,
        T.SELECT: _option,
        T.MULTI_SELECT: _options_of,
        T.EMAILS: _stripped,
        T.PHONES: _stripped,
        T.LINKS: _stripped,
        T.FULL_NAME: _split_name,
        T.ARRAY: _split,
        T.UUID: _stripped,
    },
    T.RICH_TEXT: {T.TEXT: _markdown},
    T.NUMBER: {T.DECIMAL: _decimal, T.RATING: _same, T.TEXT: _text},
    T.DECIMAL: {T.NUMBER: _from_decimal, T.TEXT: _text},
    T.RATING: {T.NUMBER: _same, T.DECIMAL: _decimal, T.TEXT: _text},
    T.BOOLEAN: {T.SELECT: _option, T.TEXT: _spoken},
    T.DATE: {T.DATE_TIME: _midnight, T.TEXT: _text},
    T.DATE_TIME: {T.DATE: _day, T.TEXT: _text},
    T.SELECT: {T.MULTI_SELECT: _chosen, T.TEXT: _label, T.ARRAY: lambda o, n, v: [_label(o, n, v)]},
    T.MULTI_SELECT: {T.SELECT: _only, T.ARRAY: _labels, T.TEXT: _joined},
    T.ARRAY: {T.MULTI_SELECT: _options_of, T.TEXT: _joined},
    T.CURRENCY: {T.NUMBER: _amount, T.DECIMAL: lambda o, n, v: str(_amount(o, n, v))},
    T.FULL_NAME: {T.TEXT: _whole_name},
    T.EMAILS: {T.TEXT: _primary("")},
    T.PHONES: {T.TEXT: _primary("number")},
    T.LINKS: {T.TEXT: _primary("url")},
    T.UUID: {T.TEXT: _text},
    T.JSON: {T.TEXT: _text},
}


def allowed(old: FieldType) -> list[FieldType]:
    """The types that a type may become."""
    return list(CONVERSIONS.get(old, {}))


def convert(old: Field, new: Field, value: Any, path: str) -> Any:
    """The new field's canonical value for an old canonical one; Invalid where it does not fit."""
    if value is None:
        return None
    rewrite = _same if old.type is new.type else CONVERSIONS[old.type][new.type]
    raw = rewrite(old, new, value)
    return None if raw is None else canonical_value(new, raw, path)


def _unfit(value: str, wanted: str) -> Exception:
    return refuse("", "WRONG_TYPE", f"{shown(value)} is not {wanted}")
