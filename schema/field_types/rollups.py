"""What the settings of a rollup say by themselves: which go together, and what its values are."""

from collections.abc import Mapping
from typing import Any

import msgspec

from schema.field_types.base import SettingConflict
from schema.model import Field, FieldType

T = FieldType
FUNCTIONS = ("count", "sum", "avg", "min", "max")
RESULTS = {
    "number": T.NUMBER,
    "decimal": T.DECIMAL,
    "currency": T.CURRENCY,
    "date": T.DATE,
    "date_time": T.DATE_TIME,
}
# What a rollup has beside what is asked for: worked out from the field that it measures.
DERIVED = ("result_type", "scale")


def rollup_conflicts(settings: Mapping[str, Any]) -> list[SettingConflict]:
    function = settings["function"]
    if function == "count":
        return [
            (name, "CONFLICTING_SETTINGS", "count counts records: leave it out")
            for name in ("field", "currency_code", "decimals")
            if settings[name] is not None
        ]
    if settings["field"] is None:
        return [("field", "REQUIRED", f"{function} needs the field of the other side")]
    if settings["decimals"] is not None and function != "avg":
        return [("decimals", "CONFLICTING_SETTINGS", "is for the function avg")]
    return []


def as_rollup_result(field: Field) -> Field:
    """A rollup as a field of its values' type, which only the platform writes."""
    found = dict(field.settings)
    kind = RESULTS[found.get("result_type", "number")]
    settings: dict[str, Any] = {}
    if kind is T.NUMBER and found.get("scale") == 0:
        settings = {"integer": True}
    elif kind is T.DECIMAL:
        settings = {"scale": found["scale"]}
    return msgspec.structs.replace(field, type=kind, settings=settings, rollup=found)


def rollup_of_nothing(field: Field) -> Any:
    """The value over no record: counts and sums are zero, the rest is empty."""
    if field.rollup.get("function") not in {"count", "sum"}:
        return None
    match field.type:
        case T.CURRENCY:
            return {"amount_micros": 0, "currency_code": field.rollup["currency_code"]}
        case T.DECIMAL:
            scale = field.rollup["scale"]
            return f"0.{'0' * scale}" if scale else "0"
    return 0
