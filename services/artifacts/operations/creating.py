"""What making a note and making a todo have in common, once it is stored."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kit import outbox
from kit.db import Tx
from kit.outbox import Event
from services.artifacts.model import New, Note, Todo
from services.artifacts.store import targets

A = TypeVar("A", Note, Todo)


async def attach_and_tell(
    tx: Tx, new: Sequence[New[Any]], stored: Sequence[A], event: Callable[[str, A], Event]
) -> list[A]:
    """Attach each to its targets, and announce it as of whoever made it."""
    made = [
        replace(one, targets=tuple(sorted(asked.targets)))
        for one, asked in zip(stored, new, strict=True)
    ]
    caller = new[0].caller
    attached = [(one.node, one.create_time, one.targets) for one in made]
    await targets.attach(tx, caller.workspace_id, attached)
    told = [
        replace(event("created", one), source=asked.source)
        for one, asked in zip(made, new, strict=True)
    ]
    await outbox.add(tx, caller, *told)
    return made
