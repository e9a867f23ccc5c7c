"""Canonical JSON documents: any JSON within a size and a depth, its numbers exact."""

from collections.abc import Mapping
from typing import Any

from schema.field_types.base import Write
from schema.field_types.numbers import exact
from schema.field_types.refusals import Problems, join, path_part
from schema.jsonio import LONE_SURROGATE, dumps
from schema.model import Field
from schema.problems import refuse

MAX_BYTES, MAX_DEPTH = 64 * 1024, 32


def document(value: object, path: str) -> Any:
    """Any JSON value, its texts untouched and its numbers exact."""
    problems = Problems()
    canonical = _copy(value, path, 0, problems)
    problems.raise_any()
    if (size := len(dumps(canonical))) > MAX_BYTES:
        message = f"must have at most 64 kB (65,536 bytes) as JSON, this has {size:,}"
        raise refuse(path, "TOO_LARGE", message)
    return canonical


def _copy(value: object, path: str, depth: int, problems: Problems) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        _check_text(value, path, problems)
        return value
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            problems.add(path, "TOO_DEEP", f"must not nest deeper than {MAX_DEPTH} levels")
            return None
        if isinstance(value, list):
            return [_copy(v, f"{path}.{i}", depth + 1, problems) for i, v in enumerate(value)]
        copy = {}
        for key, one in value.items():
            if not isinstance(key, str):
                problems.add(path, "WRONG_TYPE", "keys must be strings")
                continue
            inner = join(path, path_part(key))
            _check_text(key, inner, problems)
            copy[key] = _copy(one, inner, depth + 1, problems)
        return copy
    with problems.collect():
        return exact(value, path)
    return None


def _check_text(text: str, path: str, problems: Problems) -> None:
    if "\0" in text:
        problems.add(path, "CONTROL_CHARACTER", "must not hold the character NUL")
    if not text.isascii() and LONE_SURROGATE.search(text):
        problems.add(path, "INVALID_UNICODE", "must not hold a lone surrogate")


def same_json(one: object, other: object) -> bool:
    """Whether two documents are equal; unlike `==`, 1 is not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return False
        return all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return one == other


def compile_json(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, raw: object, path: str) -> Any:
        return document(raw, path)

    return write
