"""Take a person's answer to a step that waits for it: the first one counts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kit.caller import Caller
from kit.db import Tx
from kit.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Violation
from schema import jsonio
from schema.problems import nearest
from services.automation.logic import definitions
from services.automation.model import ActionType, Run, Step, StepState, WaitKind
from services.automation.operations import execution, runs
from services.automation.store import queue, steps, waits
from services.automation.store import runs as run_store


def names_of(caller: Caller) -> tuple[str, ...]:
    """By which a step may ask for somebody."""
    return caller.principal_id, f"role:{caller.role}", caller.name


async def submit(tx: Tx, caller: Caller, run_id: UUID, name: str, values: Mapping[str, Any]) -> Run:
    workspace_id = caller.workspace_id
    run = await run_store.find_run(tx, workspace_id, run_id)
    if run is None:
        raise runs.not_found(run_id)
    try:
        row = await _waiting(tx, workspace_id, run_id, name)
    except (NotFound, FailedPrecondition):
        if "read" not in caller.permissions:
            raise runs.not_found(run_id) from None
        raise
    asked: dict[str, Any] = jsonio.loads_stored(row.input.encode())
    assignees = [str(one) for one in asked.get("assignees") or ()]
    if not assignees:
        caller.require("write")  # for anybody who works here, not for who only looks
    is_asked = bool({*names_of(caller)} & {*assignees})
    if assignees and not is_asked and "admin" not in caller.permissions:
        if "read" not in caller.permissions:  # what is not to be seen is not there
            raise runs.not_found(run_id)
        message = f"this is for {', '.join(assignees)} to answer"
        raise PermissionDenied("INPUT_NOT_ASSIGNED", message)
    form = definitions.form(asked.get("form"), "form", [])
    filled, problems = definitions.fill_form(form, values, "values")
    if problems:
        violations = [Violation(p.path, p.code, p.message) for p in problems]
        message = "; ".join(f"{p.path}: {p.message}" for p in problems)
        raise InvalidArgument("INPUT_INVALID", message, violations=violations)
    answer = {"values": filled, "by": {"id": caller.principal_id, "name": caller.name}}
    if not await waits.settle(
        tx,
        workspace_id,
        run_id,
        row.index,
        WaitKind.INPUT,
        outcome="input",
        payload=jsonio.dumps(answer).decode(),
    ):
        raise _settled(row)
    await queue.wake(tx, workspace_id, [run_id])
    await execution.note(tx, workspace_id, run_id, "answered", f"{row.path}: answered", caller.name)
    return run


async def _waiting(tx: Tx, workspace_id: UUID, run_id: UUID, name: str) -> Step:
    found = await steps.find_step(tx, workspace_id, run_id, name)
    asking = [one for one in found if one.type is ActionType.WAIT_FOR_INPUT]
    if not asking:
        every = await steps.list_steps(tx, workspace_id, run_id)
        known = [one.path for one in every if one.type is ActionType.WAIT_FOR_INPUT]
        message = f"no step {name!r} of this run asks for input{nearest(name, known)}"
        raise NotFound("INPUT_NOT_FOUND", message)
    waiting = [one for one in asking if one.state is StepState.WAITING]
    if not waiting:
        raise _settled(asking[-1])
    if len(waiting) > 1:
        paths = ", ".join(one.path for one in waiting)
        raise NotFound("INPUT_NOT_FOUND", f"several rounds wait; name one by its path: {paths}")
    return waiting[0]


def _settled(row: Step) -> FailedPrecondition:
    return FailedPrecondition(
        "INPUT_SETTLED", f"{row.path} was answered already, or its time has passed"
    )
