"""One-line builders of fields and objects, and readers of what was refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from schema.compiled import CompiledObject
from schema.model import Field, FieldType, Object, Option
from schema.problems import Invalid

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ME = {"kind": "user", "id": "0192f3a1-0000-7000-8000-000000000001", "name": "Ada"}
AN_ID = "0192f3a1-0000-7000-8000-000000000000"
OTHER_ID = "0192f3a1-0000-7000-8000-00000000000a"


def options(*values: str) -> tuple[Option, ...]:
    return tuple(Option(id=v, value=v, label=v, position=i) for i, v in enumerate(values))


def a_field(type_: str, name: str = "f", /, **parts: Any) -> Field:
    if type_ in ("select", "multi_select"):
        parts.setdefault("options", options("new", "won", "lost"))
    if type_ == "relation":
        parts.setdefault("settings", {"targets": ["company"]})
    return Field(id=name, object_id="o", name=name, type=FieldType(type_), **parts)


def an_object(*fields: Field) -> CompiledObject:
    return CompiledObject(Object(id="o", name="deal", plural_name="deals", fields=fields))


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    """The (path, code) of every problem."""
    with pytest.raises(Invalid) as raised:
        call()
    for problem in raised.value.problems:
        assert (problem.path + problem.message).encode()  # can be sent
        assert len(problem.message) < 2000
    return [(problem.path, problem.code) for problem in raised.value.problems]
