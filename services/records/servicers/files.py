"""Ask the artifacts plane, before a write, whether the files that records are to hold are there."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from kit.caller import Caller
from planes.nodes import Node, Nodes
from schema.compiled import CompiledObject
from schema.model import FieldType
from schema.problems import Problem
from services.records.model import Item
from services.records.operations.refusals import invalid


class FileCheck:
    """One call for all files of a request; none where no file field is written."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def check(self, caller: Caller, obj: CompiledObject, items: Sequence[Item]) -> None:
        """INVALID_ARGUMENT / FIELDS_INVALID naming each file that is not finalized, or not for the
        caller to see. What is no list of ids is judged later, with everything else."""
        wanted = list(_files(obj, items))
        if not wanted:
            return
        nodes = {Node("file", i) for i, _ in wanted}
        known = await self._nodes.check(caller, nodes, "read", finalized=True)
        message = "must be a file of this workspace that is finalized and that you may see"
        problems = [
            Problem(path, "UNKNOWN_FILE", message)
            for file_id, path in wanted
            if not known[Node("file", file_id)]
        ]
        if problems:
            raise invalid(problems)


def _files(obj: CompiledObject, items: Iterable[Item]) -> Iterator[tuple[UUID, str]]:
    fields = [f for f in obj.fields.values() if f.type is FieldType.FILE]
    for item in items if fields else ():
        sent = item.fields if isinstance(item.fields, dict) else {}
        for field in fields:
            path = f"{item.path}.fields.{field.name}" if item.path else f"fields.{field.name}"
            yield from _ids(sent.get(field.name), path)


def _ids(sent: Any, path: str) -> Iterator[tuple[UUID, str]]:
    if isinstance(sent, dict):
        yield from _ids(sent.get("$add"), f"{path}.$add")
    for i, one in enumerate(sent if isinstance(sent, list) else ()):
        try:
            yield UUID(one), f"{path}.{i}"
        except (ValueError, TypeError, AttributeError):
            continue
