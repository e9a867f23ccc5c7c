"""Field types that only the platform writes: who, the next number, what is computed."""

from collections.abc import Mapping
from typing import Any

from schema.field_types.base import SettingConflict, Write
from schema.model import Field
from schema.problems import Invalid, refuse


def compile_read_only(field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, _raw: object, path: str) -> Any:
        raise read_only(path, field.name)

    return write


def read_only(path: str, name: str) -> Invalid:
    return refuse(path, "READ_ONLY_FIELD", f"{name} is set by the platform and cannot be written")


def formula_conflicts(settings: Mapping[str, Any]) -> list[SettingConflict]:
    if settings["decimals"] is not None and settings["result_type"] != "number":
        return [("decimals", "CONFLICTING_SETTINGS", "is for the result_type number")]
    return []
