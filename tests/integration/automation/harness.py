"""Run the automation service as processes of its own, and speak to it as its users do."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from armature.automation.v1 import (
    rule_pb2,
    rule_service_pb2,
    rule_service_pb2_grpc,
    run_pb2,
    run_service_pb2,
    run_service_pb2_grpc,
    workflow_pb2,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)

from cli.stack import servers
from kit import clients, ids, relay
from kit.bus import Bus
from kit.caller import Cause
from kit.db import Database
from tests.integration.automation.neighbours import Receiver, World, snapshot

ROOT = Path(__file__).resolve().parents[3]
PLANE = "automation"
FINISHED = ("succeeded", "failed", "cancelled", "blocked", "skipped")


async def eventually(
    condition: Callable[[], Awaitable[Any]], what: str, seconds: float = 30
) -> Any:
    """What the condition gave once it was true."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.03)
    return found


@dataclass
class Platform:
    """Everything around the service under test."""

    started: servers.Started
    addresses: dict[str, str]
    world: World
    receiver: Receiver
    bus: Bus
    worker_db: Database
    db: Database

    def environment(self, address: str, **more: str) -> dict[str, str]:
        roles = self.started["postgres"]["roles"]
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
            "ARMATURE_ADDRESS": address,
            "ARMATURE_DATABASE_URL": roles[f"armature_{PLANE}"],
            "ARMATURE_WORKER_DATABASE_URL": roles[f"armature_{PLANE}_worker"],
            "ARMATURE_NATS_URL": self.started["nats"]["url"],
            "ARMATURE_INTERNAL_SECRET": self.started["internal_secret"],
            "ARMATURE_ALLOW_LOOPBACK_WEBHOOKS": "true",
            "ARMATURE_LOG_LEVEL": "WARNING",
            "ARMATURE_ACK_WAIT_SECONDS": "3",
            **{f"ARMATURE_{p.upper()}_ADDRESS": a for p, a in self.addresses.items()},
            **more,
        }

    @asynccontextmanager
    async def process(
        self, *roles: str, address: str = "127.0.0.1:0", **more: str
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.automation",
            *roles,
            cwd=ROOT,
            env=self.environment(address, **more),
        )
        try:
            yield running
        finally:
            if running.returncode is None:
                running.terminate()
            await running.wait()

    def tenant(self, address: str) -> "Tenant":
        return Tenant(self, address, ids.new_id())


class Tenant:
    """One workspace: its rules, its events, its runs."""

    def __init__(self, platform: Platform, address: str, workspace_id: UUID) -> None:
        self.platform = platform
        self.workspace_id = workspace_id
        self.world = platform.world
        self.world.snapshots[workspace_id] = snapshot(workspace_id)
        self.key = self.world.new_key(workspace_id)
        self.channel = clients.channel(address)
        self.rules = rule_service_pb2_grpc.RuleServiceStub(self.channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(self.channel)
        self.workflows = workflow_service_pb2_grpc.WorkflowServiceStub(self.channel)

    async def call(self, method: Any, request: Any, key: str = "") -> Any:
        return await clients.call(method, request, clients.metadata(key or self.key), timeout=20)

    async def create(
        self,
        actions: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        trigger: str = "record_created",
        obj: str = "opportunity",
        fields: Sequence[str] = (),
        condition: Any = None,
        name: str = "",
        key: str = "",
        names: Sequence[str] = (),
    ) -> rule_service_pb2.CreateRuleResponse:
        rule = rule_pb2.Rule(
            name=name or f"rule {ids.new_id()}",
            trigger=rule_pb2.Trigger(type=trigger, object=obj, fields=fields),
            condition_json=b"" if condition is None else json.dumps(condition).encode(),
            actions=[
                rule_pb2.Action(
                    type=kind,
                    name=names[i] if names else "",
                    input_json=json.dumps(given).encode(),
                )
                for i, (kind, given) in enumerate(actions)
            ],
        )
        request = rule_service_pb2.CreateRuleRequest(rule=rule, request_id=str(ids.new_id()))
        answer: rule_service_pb2.CreateRuleResponse = await self.call(
            self.rules.CreateRule, request, key
        )
        return answer

    async def draft(
        self, document: Mapping[str, Any], *, name: str = "", key: str = ""
    ) -> workflow_service_pb2.CreateWorkflowResponse:
        """Keep a workflow's draft; the document's members as a client writes them."""
        workflow = workflow_pb2.Workflow(name=name or f"workflow {ids.new_id()}")
        for member, value in document.items():
            if member == "when":
                workflow.when = value
            else:
                setattr(workflow, f"{member}_json", json.dumps(value).encode())
        request = workflow_service_pb2.CreateWorkflowRequest(
            workflow=workflow, request_id=str(ids.new_id())
        )
        answer: workflow_service_pb2.CreateWorkflowResponse = await self.call(
            self.workflows.CreateWorkflow, request, key
        )
        return answer

    async def publish(self, name: str, key: str = "") -> workflow_pb2.Workflow:
        request = workflow_service_pb2.PublishWorkflowRequest(
            workflow=name, request_id=str(ids.new_id())
        )
        answer = await self.call(self.workflows.PublishWorkflow, request, key)
        found: workflow_pb2.Workflow = answer.workflow
        return found

    async def workflow(
        self, steps: Sequence[Mapping[str, Any]], *, name: str = "", **more: Any
    ) -> workflow_pb2.Workflow:
        """A published workflow, started by hand unless it says otherwise."""
        document = {"trigger": {"type": "manual"}, "steps": list(steps), **more}
        made = await self.draft(document, name=name)
        return await self.publish(made.workflow.id)

    async def start(self, workflow: str, **inputs: Any) -> run_pb2.Run:
        """Run a workflow by hand."""
        request = workflow_service_pb2.RunWorkflowRequest(
            workflow=workflow,
            inputs_json=json.dumps(inputs).encode(),
            request_id=str(ids.new_id()),
        )
        answer = await self.call(self.workflows.RunWorkflow, request)
        run: run_pb2.Run = answer.runs[0]
        return run

    async def until(
        self, run_id: str, *states: str, seconds: float = 20, path: str = ""
    ) -> run_pb2.Run:
        """The run once it has one of these states (any end, when none is named); or once the step
        at `path` has."""
        wanted = states or FINISHED

        async def there() -> run_pb2.Run | None:
            run = await self.get(run_id)
            found = [s.state for s in run.steps if s.path == path] if path else [run.state]
            return run if any(one in wanted for one in found) else None

        found: run_pb2.Run = await eventually(there, f"{path or run_id} is {wanted}", seconds)
        return found

    async def come_due(self, run_id: str) -> None:
        """Move the clock of what a run waits for: everything with a time is due now."""
        async with self.platform.db.transaction(self.workspace_id) as tx:
            await tx.run(
                "UPDATE waits SET due_time = now() WHERE workspace_id = %s AND run_id = %s"
                " AND due_time IS NOT NULL",
                [self.workspace_id, UUID(run_id)],
            )

    async def announce(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        plane: str = "artifacts",
        subject: UUID | None = None,
    ) -> UUID:
        """Publish an event that is about no record; its id."""
        event_id = ids.new_id()
        row = {
            "event_id": event_id,
            "workspace_id": self.workspace_id,
            "aggregate_type": kind.partition(".")[0],
            "aggregate_id": subject or ids.new_id(),
            "aggregate_version": 1,
            "type": kind,
            "schema_version": 1,
            "object": "",
            "payload": json.dumps(data),
            "traceparent": "",
            "root_id": str(event_id),
            "causation_id": "",
            "depth": 0,
            "chain": "[]",
            "actor": json.dumps({"kind": "user", "id": "u1", "name": "Ada"}),
            "occurred_at": datetime.now(UTC),
        }
        await self.platform.bus.publish(relay.message_of(plane, row))
        return event_id

    async def happen(
        self,
        kind: str = "created",
        after: Mapping[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
        *,
        record_id: UUID | None = None,
        obj: str = "opportunity",
        cause: Cause | None = None,
        event_id: UUID | None = None,
        times: int = 1,
        traceparent: str = "",
        version: int = 1,
        occurred_at: datetime | None = None,
        actor: str = "user",
    ) -> UUID:
        """Publish what the records plane would; the event's id."""
        definition = next(
            o for o in self.world.snapshots[self.workspace_id].objects if o.name == obj
        )
        record_id, event_id = record_id or ids.new_id(), event_id or ids.new_id()
        fields: dict[str, Any] = {f.name: None for f in definition.fields} | dict(after or {})
        changed = dict(after or {}) if kind == "created" else dict(before or {})
        data = {
            "record_id": str(record_id),
            "object": obj,
            "object_id": definition.id,
            "version": version,
            "changed_fields": list(changed),
            "before": dict(before or {}),
            "after": {name: (after or {}).get(name) for name in changed},
            "fields": fields,
            "metadata_version": 1,
        }
        cause = cause or Cause(str(event_id), "", 0, ())
        row = {
            "event_id": event_id,
            "workspace_id": self.workspace_id,
            "aggregate_type": "record",
            "aggregate_id": record_id,
            "aggregate_version": version,
            "type": f"record.{kind}",
            "schema_version": 1,
            "object": obj,
            "payload": json.dumps(data),
            "traceparent": traceparent,
            "root_id": cause.root_id,
            "causation_id": cause.causation_id,
            "depth": cause.depth,
            "chain": json.dumps(cause.chain),
            "actor": json.dumps({"kind": actor, "id": "u1", "name": "Ada"}),
            "occurred_at": occurred_at or datetime.now(UTC),
        }
        message = relay.message_of("records", row)
        for _ in range(times):
            await self.platform.bus.publish(message)
        return event_id

    async def listed(self, **query: Any) -> list[run_pb2.Run]:
        answer = await self.call(self.runs.ListRuns, run_service_pb2.ListRunsRequest(**query))
        return list(answer.runs)

    async def get(self, run_id: str) -> run_pb2.Run:
        answer = await self.call(self.runs.GetRun, run_service_pb2.GetRunRequest(id=run_id))
        run: run_pb2.Run = answer.run
        return run

    async def finished(self, event_id: UUID, count: int = 1, seconds: float = 30) -> run_pb2.Run:
        """The run of an event once it has ended (the first, where there are several)."""

        async def ended() -> list[run_pb2.Run]:
            found = await self.listed(event_id=str(event_id))
            done = [run for run in found if run.state in FINISHED]
            return done if len(done) >= count else []

        runs = await eventually(ended, f"a run of {event_id} ends", seconds)
        return await self.get(runs[0].id)

    def effects(self, method: str = "") -> list[Any]:
        return self.world.of(self.workspace_id, method)

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """What this plane has announced of a type in this workspace."""
        async with self.platform.db.transaction(self.workspace_id) as tx:
            sql = "SELECT payload FROM outbox WHERE workspace_id = %s AND type = %s ORDER BY seq"
            rows = await tx.all(sql, [self.workspace_id, kind])
        return [json.loads(row["payload"]) for row in rows]
