"""Another workspace's credentials get the same answer for our ids as for ids that do not exist."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from cli.demo.receiver import Receiver
from kit.errors import ServiceError
from tests.contract.rpcs import call, every_rpc, request_of
from tests.e2e.client import Client, wait_for

RPCS = [rpc for rpc in every_rpc() if not rpc.server_streaming]
Ids = dict[str, str]


@pytest.fixture(scope="module")
def ours(new_workspace: Callable[[], Client]) -> Ids:
    """Ids of one of everything in a workspace."""
    api = new_workspace()
    api.define(
        "thing",
        {"name": "name", "type": "text"},
        {"name": "stage", "type": "select", "options": ["a", "b"]},
        {"name": "day", "type": "date"},
    )
    obj = api.get("/v1/objects/thing")
    field = api.get("/v1/objects/thing/fields/stage")
    view = api.post("/v1/objects/thing/views", {"name": "K", "type": "kanban"})
    first, second = (api.create("thing", name=n, stage="a") for n in "xy")
    node = {"kind": "thing", "id": first["id"]}
    link_type = api.post("/v1/link-types", {"name": "near"})
    link = api.post(
        "/v1/links",
        {"type": "near", "source": node, "target": {"kind": "thing", "id": second["id"]}},
    )
    with Receiver() as hooks:
        hook = api.post(
            "/v1/webhooks", {"name": "h", "url": hooks.url, "event_types": ["record.created"]}
        )
        rule = api.post(
            "/v1/rules",
            {
                "name": "r",
                "trigger": {"type": "record_created", "object": "thing"},
                "actions": [{"type": "create_note", "input": {"title": "n", "body": "b"}}],
            },
        )
        workflow = api.post(
            "/v1/workflows",
            {
                "name": "w",
                "trigger": {"type": "manual"},
                "steps": [{"id": "s", "type": "stop"}],
            },
        )
        api.create("thing", name="z")
        delivery = wait_for("a delivery", lambda: api.get("/v1/deliveries")["data"])[0]
        run = wait_for("a run", lambda: api.get("/v1/runs")["data"])[0]
    event = wait_for("an event", lambda: api.get("/v1/events")["data"])[0]
    me = api.get("/v1/me")
    return {
        "Workspace": me["workspace_id"],
        "Object": obj["id"],
        "Field": field["id"],
        "View": view["id"],
        "Record": first["id"],
        "LinkType": link_type["id"],
        "Link": link["id"],
        "Note": api.post("/v1/notes", {"title": "n", "targets": [node]})["id"],
        "Todo": api.post("/v1/todos", {"title": "t", "targets": [node]})["id"],
        "File": api.post(
            "/v1/files", {"name": "f.txt", "size": 1, "content": "eA==", "targets": [node]}
        )["id"],
        "Subscription": hook.get("subscription", hook)["id"],
        "Delivery": delivery["id"],
        "Replay": api.post(f"/v1/webhooks/{hook['id']}:replay")["id"],
        "Event": event["id"],
        "Rule": rule["id"],
        "Run": run["id"],
        "Workflow": workflow["id"],
        "ApiKey": me["id"],
    }


@pytest.fixture(scope="module")
def stranger(new_workspace: Callable[[], Client]) -> Client:
    """An admin of another workspace."""
    return new_workspace()


_NOUN_OF_SERVICE = {
    "RecordService": "Record",
    "ObjectService": "Object",
    "FieldService": "Field",
    "ViewService": "View",
    "LinkTypeService": "LinkType",
    "LinkService": "Link",
    "NoteService": "Note",
    "TodoService": "Todo",
    "FileService": "File",
    "EventService": "Event",
    "SubscriptionService": "Subscription",
    "EventAdminService": "Delivery",
    "ReplayService": "Replay",
    "RuleService": "Rule",
    "WorkflowService": "Workflow",
    "RunService": "Run",
    "AccessService": "ApiKey",
    "WorkspaceService": "Workspace",
}
_NOUN_OF_FIELD = {
    "object": "Object",
    "field": "Field",
    "view": "View",
    "rule": "Rule",
    "workflow": "Workflow",
    "link_type": "LinkType",
    "subscription_id": "Subscription",
    "event_id": "Event",
    "record_id": "Record",
    "aggregate_id": "Record",
    "principal_id": "ApiKey",
    "ids": "Record",
    "ApiKey": "ApiKey",
}


def _fill(message: Message, rpc: MethodDescriptor, ids: Ids, depth: int = 0) -> None:
    """Put an id wherever the request names something."""
    noun = _NOUN_OF_SERVICE.get(rpc.containing_service.name, "Record")
    if "Delivery" in rpc.name:
        noun = "Delivery"
    for field in message.DESCRIPTOR.fields:
        if field.name == "request_id":
            continue
        if field.message_type is not None:
            _fill_message(message, field, rpc, ids, depth)
        elif field.type == FieldDescriptor.TYPE_STRING:
            known = noun if field.name == "id" else _NOUN_OF_FIELD.get(field.name)
            creating = rpc.name.startswith(("Create", "BatchCreate", "Set"))
            if known and not (field.name == "id" and creating):
                if field.is_repeated:
                    getattr(message, field.name).append(ids[known])
                else:
                    setattr(message, field.name, ids[known])


def _fill_message(message: Any, field: Any, rpc: MethodDescriptor, ids: Ids, depth: int) -> None:
    kind = field.message_type
    if kind.full_name == "armature.common.v1.Node":
        value = {"kind": "thing", "id": ids["Record"]}
        if field.is_repeated:
            getattr(message, field.name).add(**value)
        else:
            getattr(message, field.name).CopyFrom(type(getattr(message, field.name))(**value))
    elif depth < 2 and kind.file.package.startswith("armature") and not kind.GetOptions().map_entry:
        if field.name in {"selection", "filter"}:
            return
        if field.is_repeated:
            _fill(getattr(message, field.name).add(), rpc, ids, depth + 1)
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill(inner, rpc, ids, depth + 1)


def _answer(found: Message | ServiceError, ids: Ids) -> str:
    """What a client can tell apart, with the ids taken out."""
    if isinstance(found, ServiceError):
        found.metadata.pop("trace_id", None)
        text = repr((found.code, found.reason, found.message, found.violations, found.metadata))
    else:
        text = repr(found)
    for value in ids.values():
        text = text.replace(value, "ID").replace(UUID(value).hex, "ID")
    return text


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.full_name)
def test_a_foreign_id_answers_like_an_unknown_one(
    rpc: MethodDescriptor, ours: Ids, stranger: Client, stack: dict[str, Any]
) -> None:
    unknown = {noun: str(uuid4()) for noun in ours}
    answers = []
    for ids in (ours, unknown):
        request = request_of(rpc)
        _fill(request, rpc, ids)
        answers.append(_answer(call(stack, rpc, request, stranger.api_key), ids))
    volatile = ("create_time", "secret", "api_key")
    if not any(word in answers[0] for word in volatile):
        assert answers[0] == answers[1]
    assert "INTERNAL" not in answers[0]
