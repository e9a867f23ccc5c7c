"""Carry out what the engine does by itself: choices, loops, branches, waits, calls, variables."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from kit import crash
from kit.db import Tx
from kit.outbox import Event
from schema import jsonio
from schema.problems import Invalid
from services.automation import events
from services.automation.logic import formulas, prepared
from services.automation.logic.definitions import form
from services.automation.logic.durations import seconds as seconds_of
from services.automation.logic.headers import Keeper
from services.automation.logic.retries import Failed, Failure
from services.automation.logic.scopes import Scope
from services.automation.model import (
    ActionType,
    Block,
    Node,
    Step,
    StepState,
    Wait,
    WaitKind,
)
from services.automation.operations import calling
from services.automation.workers.interpreter import (
    At,
    Branch,
    Flow,
    Interpreter,
    Perform,
    Reload,
    together,
)
from services.automation.workers.memory import Memory, StepFailedError

MAX_ITEMS = 10_000
_EVENTS = UUID("0198c0de-7a11-7000-8000-00000000e7e7")


class Walk(Interpreter):
    """The whole engine of one run."""

    def __init__(self, memory: Memory, perform: Perform, reload: Reload, keeper: Keeper) -> None:
        super().__init__(memory, perform, reload, keeper)
        self.handlers = {
            ActionType.SET_VARIABLES: self._set_variables,
            ActionType.STOP: self._stop,
            ActionType.FAIL: self._fail,
            ActionType.EMIT_EVENT: self._emit,
            ActionType.IF: self._if,
            ActionType.SWITCH: self._switch,
            ActionType.FOR_EACH: self._for_each,
            ActionType.PARALLEL: self._parallel,
            ActionType.DELAY: self._delay,
            ActionType.DELAY_UNTIL: self._delay,
            ActionType.WAIT_FOR_EVENT: self._wait_for_event,
            ActionType.WAIT_FOR_INPUT: self._wait_for_input,
            ActionType.CALL_WORKFLOW: self._call,
        }

    async def _set_variables(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        values = self.given(node, row, scope)["values"]
        scope.set(values)
        return self.close(node, row, scope, values)

    async def _stop(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        given = self.given(node, row, scope)
        self.close(node, row, scope, {"reason": given.get("reason", "")})
        return Flow.STOPPED

    async def _fail(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        message = self.given(node, row, scope)["message"]
        raise self.memory.fail(row, Failed(Failure.PERMANENT, message, definite=True))

    async def _emit(self, at: At) -> Flow:
        """The event is announced in the transaction that stores the step: once."""
        node, row, scope = at.node, at.row, at.scope
        given = self.given(node, row, scope)
        event_id = uuid5(_EVENTS, self.memory.key(row))
        event = Event(
            type=given["event"],
            aggregate_type="emission",
            aggregate_id=event_id,
            aggregate_version=1,
            data=jsonio.dumps(
                {**(given.get("data") or {}), "run_id": str(self.job.run.id), "step": node.id}
            ),
            event_id=event_id,
        )
        self.close(node, row, scope, {"event_id": str(event_id)})
        await self.memory.commit(begun=row, announced=(event,))
        return Flow.NEXT

    # --- choices ---

    async def _if(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        if not row.input:
            chosen = "then" if self._holds(node.input["when"], scope) else "else"
            self._choose(row, chosen)
        return await self._chosen(at)

    async def _switch(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        if not row.input:
            value = self.value(node.input["value"], scope)
            cases: Sequence[Any] = node.input.get("cases", ())
            found = (str(i) for i, case in enumerate(cases) if self.value(case, scope) == value)
            self._choose(row, next(found, "default"))
        return await self._chosen(at)

    def _choose(self, row: Step, name: str) -> None:
        row.input, row.state = jsonio.dumps({"branch": name}).decode(), StepState.RUNNING
        self.memory.note(row)

    async def _chosen(self, at: At) -> Flow:
        node, path, row, scope, branch = at.node, at.path, at.row, at.scope, at.branch
        name = jsonio.loads_stored(row.input.encode())["branch"]
        block = next((one for one in node.blocks if one.name == name), Block(name, ()))
        flow = await self.sequence(block.nodes, f"{path}/", scope, branch)
        if flow is Flow.NEXT:
            self.close(node, row, scope, {"branch": name})
        return flow

    def _holds(self, when: Any, scope: Scope) -> bool:
        try:
            return formulas.holds(str(when), scope.names())
        except formulas.FormulaError as exc:
            raise prepared.InputError(f"when: {exc}") from exc

    # --- loops and branches ---

    async def _for_each(self, at: At) -> Flow:
        node, path, row, scope, branch = at.node, at.path, at.row, at.scope, at.branch
        if not row.input:
            items = self.value(node.input["items"], scope)
            if not isinstance(items, list):
                raise prepared.InputError(f"items: must be a list, and is {str(items)[:80]!r}")
            if len(items) > MAX_ITEMS:
                raise prepared.InputError(f"items: at most {MAX_ITEMS}, and there are {len(items)}")
            row.input, row.state = jsonio.dumps({"items": items}).decode(), StepState.RUNNING
            self.memory.note(row)
        items = jsonio.loads_stored(row.input.encode())["items"]
        body = node.blocks[0].nodes
        own = Branch(branch)
        results: list[Any] = [None] * len(items)
        following = iter(range(len(items)))

        async def lane() -> Flow:
            """One round after the other; a round that sleeps keeps its lane."""
            for index in following:
                here = scope.round(items[index], index)
                try:
                    flow = await self.sequence(body, f"{path}/{index}/", here, own)
                except StepFailedError:
                    own.halted = True
                    raise
                if flow in (Flow.STOPPED, Flow.HALTED):
                    own.halted = True
                if flow is not Flow.NEXT:
                    return flow
                results[index] = here.last(body[-1].id) if body else None
                if self.memory.is_dirty:
                    crash.point("automation.for_each_index")
            return Flow.NEXT

        lanes = min(int(node.input.get("concurrency") or 1), max(len(items), 1))
        found = await together([lane() for _ in range(lanes)])
        if any(isinstance(one, StepFailedError) for one in found):
            await self._give_up_on([f"{path}/"], "has failed")
        flow = _worst(found)
        if flow is Flow.NEXT:
            return self.close(node, row, scope, {"count": len(items), "results": results})
        return flow

    async def _parallel(self, at: At) -> Flow:
        node, path, row, scope, branch = at.node, at.path, at.row, at.scope, at.branch
        if not row.input:
            row.input, row.state = "{}", StepState.RUNNING
            self.memory.note(row)
        count = len(node.blocks)
        join = node.input.get("join") or "all"
        needed = count if join == "all" else 1 if join == "any" else min(int(join), count)
        own = Branch(branch)
        done: list[str] = []
        failed: list[StepFailedError] = []

        async def one(block: Block) -> Flow:
            try:
                flow = await self.sequence(block.nodes, f"{path}/{block.name}/", scope, own)
            except StepFailedError as exc:
                failed.append(exc)
                if count - len(failed) < needed:
                    own.halted = True
                raise
            if flow is Flow.NEXT:
                done.append(block.name)
            if flow is Flow.STOPPED or len(done) >= needed:
                own.halted = True
            if self.memory.is_dirty and flow is Flow.NEXT and len(done) < needed:
                await self.memory.commit()  # the others may take long
            return flow

        found = await together([one(block) for block in node.blocks])
        if Flow.STOPPED in found:
            return Flow.STOPPED
        if len(done) >= needed:
            losers = [f"{path}/{b.name}/" for b in node.blocks if b.name not in done]
            await self._give_up_on(losers, "is not needed any more")
            return self.close(node, row, scope, {"branches": sorted(done)})
        if count - len(failed) < needed:
            others = [f"{path}/{b.name}/" for b in node.blocks if b.name not in done]
            await self._give_up_on(others, "has failed")
            raise failed[0]
        return Flow.ASLEEP if Flow.ASLEEP in found else Flow.HALTED

    async def _give_up_on(self, prefixes: Sequence[str], because: str) -> None:
        """What others have made needless, or hopeless, ends here, with the runs that it has
        called."""
        over = (StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELLED)
        called: list[UUID] = []
        for prefix in prefixes:
            for row in self.memory.below(prefix):
                if row.state in over:
                    continue
                if row.type is ActionType.CALL_WORKFLOW:
                    called.append(self.memory.called_id(row))
                self.memory.as_cancelled(row)
                for kind in WaitKind:
                    if (row.index, kind) in self.memory.waits:
                        self.memory.forget_wait(row, kind)
        if called:
            caller = self.memory.caller
            why = f"what called it in the run {self.job.run.id} {because}"

            async def cancel(tx: Tx) -> None:
                for run_id in called:
                    await calling.cancel_if_unfinished(tx, caller, run_id, why)

            await self.memory.commit(also=(cancel,))

    # --- waits ---

    async def _delay(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        key = (row.index, WaitKind.TIME)
        wait = self.memory.waits.get(key)
        if wait is not None and wait.outcome:
            self.memory.forget_wait(row, WaitKind.TIME)
            until = wait.due_time.isoformat() if wait.due_time else ""
            return self.close(node, row, scope, {"until": until})
        if wait is None:
            given = self.given(node, row, scope)
            wait = Wait(self.job.run.id, row.index, WaitKind.TIME)
            if node.type is ActionType.DELAY:
                wait = replace(wait, due_seconds=given["for"])
            else:
                wait = replace(wait, due_time=self._moment(given["until"]))
            await self._register(row, wait, "sleeps")
        return Flow.ASLEEP

    def _moment(self, text: str) -> datetime:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=ZoneInfo(self.time_zone or "UTC"))
        return found

    async def _register(self, row: Step, *waits_and_text: Any) -> None:
        *waits, text = waits_and_text
        row.state = StepState.WAITING
        await self.memory.commit(
            begun=row, waits=tuple(waits), history=(("waiting", f"{row.path}: {text}"),)
        )
        for wait in waits:
            self.memory.replaced(wait)

    async def _wait_for_event(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        wait = self.memory.waits.get((row.index, WaitKind.EVENT))
        if wait is None:
            given = self.given(node, row, scope)
            wait = Wait(
                self.job.run.id,
                row.index,
                WaitKind.EVENT,
                due_seconds=given.get("timeout"),
                event_type=given["event"],
                subject=given.get("subject", ""),
                match=jsonio.dumps(given["match"]).decode() if given.get("match") else "",
            )
            await self._register(row, wait, f"waits for {given['event']}")
            return Flow.ASLEEP
        if not wait.outcome:
            return Flow.ASLEEP
        self.memory.forget_wait(row, WaitKind.EVENT)
        if wait.outcome == "time":
            return self._timed_out(node, row, scope, {"event": None})
        event = jsonio.loads_stored(wait.payload.encode())
        return self.close(node, row, scope, {"event": event, "timed_out": False})

    def _timed_out(self, node: Node, row: Step, scope: Scope, output: dict[str, Any]) -> Flow:
        given = self.given(node, row, scope)
        if given.get("on_timeout", "continue") == "fail":
            failed = Failed(Failure.PERMANENT, "nothing came in time", definite=True)
            raise self.memory.fail(row, failed)
        return self.close(node, row, scope, {**output, "timed_out": True})

    async def _wait_for_input(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        wait = self.memory.waits.get((row.index, WaitKind.INPUT))
        run_id = self.job.run.id
        if wait is None:
            given = self.given(node, row, scope)
            problems: list[Any] = []
            form(given.get("form"), "form", problems)
            if problems:
                raise Invalid(problems)
            waits = [Wait(run_id, row.index, WaitKind.INPUT, due_seconds=given.get("timeout"))]
            waits += self._escalation(row, given, 0)
            await self._register(row, *waits, f"waits for input: {given['title']}")
            return Flow.ASLEEP
        if wait.outcome:
            given = self.given(node, row, scope)
            self.memory.forget_wait(row, WaitKind.INPUT)
            if given.get("escalation"):
                self.memory.forget_wait(row, WaitKind.ESCALATION)
            escalated = int(given.get("stage", 0))
            if wait.outcome == "time":
                nobody = {"values": None, "by": "", "escalated": escalated}
                return self._timed_out(node, row, scope, nobody)
            answer = jsonio.loads_stored(wait.payload.encode())
            output = {**answer, "timed_out": False, "escalated": escalated}
            return self.close(node, row, scope, output)
        raised = self.memory.waits.get((row.index, WaitKind.ESCALATION))
        if raised is not None and raised.outcome:
            await self._escalate(row)
        return Flow.ASLEEP

    def _escalation(self, row: Step, given: dict[str, Any], stage: int) -> list[Wait]:
        stages = given.get("escalation") or []
        if stage >= len(stages):
            return []
        after = seconds_of(stages[stage].get("after"))
        if after is None:
            raise prepared.InputError("escalation: `after` must be seconds, or like 15m, 2h, 3d")
        return [Wait(self.job.run.id, row.index, WaitKind.ESCALATION, due_seconds=after)]

    async def _escalate(self, row: Step) -> None:
        """Nobody answered in time: others may, and are told."""
        given = jsonio.loads_stored(row.input.encode())
        stage = int(given.get("stage", 0))
        more = [str(one) for one in given["escalation"][stage].get("assignees", ())]
        given["assignees"] = [*given.get("assignees", ()), *more]
        given["stage"] = stage + 1
        row.input = jsonio.dumps(given).decode()
        self.memory.forget_wait(row, WaitKind.ESCALATION)
        waits = self._escalation(row, given, stage + 1)
        text = f"{row.path}: nobody has answered; asked as well: {', '.join(more) or 'nobody else'}"
        event = events.escalated(self.job.run, row.path, stage + 1, more)
        await self.memory.commit(
            begun=row, waits=tuple(waits), announced=(event,), history=(("escalated", text),)
        )
        for wait in waits:
            self.memory.replaced(wait)

    # --- other workflows ---

    async def _call(self, at: At) -> Flow:
        node, row, scope = at.node, at.row, at.scope
        wait = self.memory.waits.get((row.index, WaitKind.RUN))
        child = self.memory.called_id(row)
        if wait is not None and not wait.outcome:
            return Flow.ASLEEP
        if wait is not None:
            self.memory.forget_wait(row, WaitKind.RUN)
            output = jsonio.loads_stored(wait.payload.encode()) if wait.payload else {}
            if wait.outcome != "succeeded":
                reason = f"the run {child} has {wait.outcome}"
                if error := output.get("error"):
                    reason = f"{reason}: {error}"
                raise self.memory.fail(row, Failed(Failure.PERMANENT, reason, definite=False))
            answer = {"run_id": str(child), "state": wait.outcome, "output": output}
            return self.close(node, row, scope, answer)
        given = self.given(node, row, scope)
        waits = given.get("wait", True)
        called = calling.Call(child, given["workflow"], given.get("inputs") or {}, row.index, waits)
        problem: list[str] = []

        async def start(tx: Tx) -> None:
            problem.append(await calling.start(tx, self.memory.caller, self.job, called))

        row.state = StepState.WAITING
        await self.memory.commit(begun=row, also=(start,))
        if problem and problem[0]:
            raise self.memory.fail(row, Failed(Failure.PERMANENT, problem[0], definite=True))
        if not waits:
            return self.close(node, row, scope, {"run_id": str(child), "state": "queued"})
        # The wait was stored with the call, and may have been settled since.
        await self._reload()
        if (row.index, WaitKind.RUN) not in self.memory.waits:
            self.memory.replaced(Wait(self.job.run.id, row.index, WaitKind.RUN))
        return await self._call(at) if self._came(row) else Flow.ASLEEP

    def _came(self, row: Step) -> bool:
        wait = self.memory.waits.get((row.index, WaitKind.RUN))
        return wait is not None and bool(wait.outcome)


def _worst(found: Sequence[Flow | StepFailedError]) -> Flow:
    """How several walks came out, taken together; the first failure is raised."""
    for one in found:
        if isinstance(one, StepFailedError):
            raise one
    for flow in (Flow.STOPPED, Flow.ASLEEP, Flow.HALTED):
        if flow in found:
            return flow
    return Flow.NEXT
