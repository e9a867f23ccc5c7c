"""Create, change and delete todos; every step shares the transaction, the event too."""

from collections.abc import Sequence
from dataclasses import fields, replace
from uuid import UUID

from kit import etags, outbox
from kit.caller import Caller
from kit.db import Tx
from planes.nodes import Node
from services.artifacts import events
from services.artifacts.logic.access import Allowed, not_found
from services.artifacts.model import Holder, New, Todo, TodoContent
from services.artifacts.operations import attaching, creating
from services.artifacts.store import targets
from services.artifacts.store import todos as store

_CONTENT = tuple(f.name for f in fields(TodoContent))


async def create(tx: Tx, new: Sequence[New[TodoContent]]) -> list[Todo]:
    """Store todos of one workspace on their targets and announce them."""
    made = await store.insert(tx, new[0].caller.workspace_id, new)
    return await creating.attach_and_tell(tx, new, made, events.todo)


async def _found(tx: Tx, caller: Caller, todo_id: UUID, etag: str, allowed: Allowed) -> Todo:
    """The todo, locked; TODO_NOT_FOUND unless the caller may change it, and then ETAG_MISMATCH."""
    todo = await store.get(tx, caller.workspace_id, todo_id, lock=True)
    if todo is None:
        raise not_found("todo", str(todo_id))
    todo = replace(todo, targets=await attaching.present(tx, caller, todo.node, allowed))
    attaching.require(caller, todo.node, Holder(todo.creator_id, todo.targets), allowed)
    etags.check(etag, todo.version)
    return todo


async def update(
    tx: Tx,
    caller: Caller,
    todo_id: UUID,
    etag: str,
    changes: dict[str, object],
    attached: Sequence[Node] | None,
    allowed: Allowed,
) -> Todo:
    """Change what is named; what changes nothing writes nothing."""
    todo = await _found(tx, caller, todo_id, etag, allowed)
    present = TodoContent(**{name: getattr(todo, name) for name in _CONTENT})
    wanted = replace(present, **changes)  # type: ignore[arg-type]
    changed = [
        name
        for name in _CONTENT
        if name != "due_time" and getattr(wanted, name) != getattr(present, name)
    ]
    after = await attaching.replace_all(
        tx, caller, todo.node, todo.create_time, todo.targets, attached, allowed
    )
    if after != todo.targets:
        changed.append("targets")
    if not changed:
        return todo
    stored = await store.update(tx, caller.workspace_id, todo_id, caller.actor(), wanted)
    stored = replace(stored, targets=after)
    completes = stored.status == "done" and todo.status != "done"
    announced = [events.todo("updated", stored, changed, completes=completes)]
    if completes:
        announced.append(events.todo("completed", stored, changed))
    await outbox.add(tx, caller, *announced)
    return stored


async def delete(tx: Tx, caller: Caller, todo_id: UUID, etag: str, allowed: Allowed) -> None:
    todo = await _found(tx, caller, todo_id, etag, allowed)
    await targets.detach_all(tx, caller.workspace_id, todo.node)
    await store.delete(tx, caller.workspace_id, todo_id)
    await outbox.add(tx, caller, events.todo("deleted", todo))
