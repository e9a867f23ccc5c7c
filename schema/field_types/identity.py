"""Canonical identifiers: uuids, and the shape of what points to records and files."""

import re
from collections.abc import Mapping
from typing import Any

from schema.field_types.base import Write
from schema.field_types.lists import compile_list
from schema.field_types.refusals import (
    Problems,
    check_parts,
    join,
    listing,
    path_part,
    shown,
    wrong_type,
)
from schema.field_types.structured import document
from schema.model import Field
from schema.problems import refuse

MAX_MATCH_FIELDS = 10
_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID = re.compile(
    r"([0-9a-f]{8})(-?)([0-9a-f]{4})\2([0-9a-f]{4})\2([0-9a-f]{4})\2([0-9a-f]{12})",
    re.ASCII | re.IGNORECASE,
)


def uuid(raw: object, path: str) -> str:
    """A UUID in lower case with hyphens."""
    if not isinstance(raw, str):
        raise wrong_type(path, "a UUID as a string", raw)
    if _CANONICAL.fullmatch(raw):
        return raw
    # Some letters beyond ASCII are the upper case of one within, and IGNORECASE knows them.
    found = _UUID.fullmatch(raw) if raw.isascii() else None
    if found is None:
        message = f"must be a UUID like 0192f3a1-5c3e-7b5a-9d53-2f0c8f1f6b1e, not {shown(raw)}"
        raise refuse(path, "INVALID_UUID", message)
    return "-".join(found.group(1, 3, 4, 5, 6)).lower()


def compile_uuid(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, raw: object, path: str) -> str:
        return uuid(raw, path)

    return write


def compile_file(_field: Field, settings: Mapping[str, Any]) -> Write:
    def without_duplicates(values: list[str]) -> list[str]:
        return list(dict.fromkeys(values))

    return compile_list(uuid, without_duplicates, "a list of file ids", settings["max_files"])


def compile_relation(_field: Field, settings: Mapping[str, Any]) -> Write:
    """The shape alone; whether the target exists, the caller asks for all references at once.

    A `{"match"}` stays one until the caller has found the record it means.
    """
    targets: list[str] = settings["targets"] or []
    morph = len(targets) > 1

    def write(_old: object, raw: object, path: str) -> Any:
        if isinstance(raw, str):
            target = uuid(raw, path)
            if morph:
                message = f"must be {{'object', 'id'}}, of the objects {listing(targets)}"
                raise refuse(path, "OBJECT_REQUIRED", message)
            return target
        if not isinstance(raw, dict):
            raise wrong_type(path, "a record's id, an object with id, or with match", raw)
        check_parts(path, raw, ("object", "id", "match"))
        return _target(raw, path, targets)

    return write


def _target(raw: Mapping[str, object], path: str, targets: list[str]) -> Any:
    problems = Problems()
    given = {part: value for part, value in raw.items() if value is not None}
    name = given.get("object", targets[0] if len(targets) == 1 else None)
    if name is None:
        message = f"must name one of the objects {listing(targets)}"
        problems.add(f"{path}.object", "OBJECT_REQUIRED", message)
    elif not isinstance(name, str):
        problems += wrong_type(f"{path}.object", "an object's name", name).problems
    elif name not in targets:
        problems.add(path, "TARGET_NOT_FOUND", no_target(targets))
    if ("id" in given) == ("match" in given):
        problems.add(path, "REQUIRED", "must have either id or match")
    value: Any = None
    with problems.collect():
        if "match" in given:
            value = _match(given["match"], f"{path}.match")
        elif "id" in given:
            value = uuid(given["id"], f"{path}.id")
    problems.raise_any()
    if "match" in given:
        return {"object": name, "match": value}
    return value if len(targets) == 1 else {"object": name, "id": value}


def no_target(targets: list[str]) -> str:
    """One sentence for a target that is missing, deleted, invisible or of another object."""
    return f"must be a record of {listing(targets)} that exists and that you may see"


def _match(raw: object, path: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise wrong_type(path, "an object of unique fields and their values", raw)
    if not 1 <= len(raw) <= MAX_MATCH_FIELDS:
        raise refuse(path, "OUT_OF_RANGE", f"must name 1 to {MAX_MATCH_FIELDS} unique fields")
    problems = Problems()
    for name, value in raw.items():
        if value is None or value in ("", [], {}):
            message = "must not be empty: an empty value matches nothing"
            problems.add(join(path, path_part(name)), "REQUIRED", message)
    problems.raise_any()
    match: dict[str, Any] = document(raw, path)
    return match
