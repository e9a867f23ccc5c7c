"""What tests of workflows share: steps, and what runs left behind."""

import json
from typing import Any

import pytest
from armature.automation.v1 import workflow_service_pb2

from kit.errors import ServiceError
from tests.integration.automation.harness import Tenant

PB = workflow_service_pb2
TODO = {"id": "call", "type": "create_todo", "input": {"title": "Call {{ inputs.name }}"}}
NAMED = [{"name": "name", "required": True}]


def todo(name: str, title: str = "") -> dict[str, Any]:
    return {"id": name, "type": "create_todo", "input": {"title": title or name}}


def titles(tenant: Tenant) -> list[str]:
    return [e.request.todo.title for e in tenant.effects("CreateTodo")]


def output(run: Any, path: str) -> Any:
    return json.loads(next(s.output_json for s in run.steps if s.path == path))


async def refused(awaitable: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await awaitable
    return caught.value
