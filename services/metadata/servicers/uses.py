"""Ask the automation plane which rules and workflows use a definition."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import grpc
from armature.automation.v1 import rule_service_pb2, workflow_service_pb2
from armature.automation.v1.rule_service_pb2_grpc import RuleServiceStub
from armature.automation.v1.workflow_service_pb2_grpc import WorkflowServiceStub

from kit import clients
from kit.caller import Caller
from kit.db import Database
from kit.errors import FailedPrecondition, ServiceError, Violation
from schema.filters.tree import QUANTIFIERS
from schema.jsonio import loads_exact
from schema.problems import Invalid
from services.metadata.logic.catalog import Draft
from services.metadata.operations.catalogues import Catalogues

Read = tuple[str, str]  # an object, and a field of it
UNKNOWN = "rules and workflows: the automation plane did not answer"
_SECONDS = 2.0
_PAGE = 1000
_JOINING = ("and", "or", "not")


class RuleUses:
    """Rules and workflows that speak of an object, or of a field of it, as the caller sees them."""

    def __init__(self, db: Database, catalogues: Catalogues, channel: grpc.aio.Channel) -> None:
        self._db = db
        self._catalogues = catalogues
        self._rules = RuleServiceStub(channel)
        self._workflows = WorkflowServiceStub(channel)

    async def of(self, caller: Caller, asked: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
        """For each (object, field or empty for all of it): `rule <name>`, `workflow <name>`; or
        that nobody knows."""
        if not asked:
            return []
        try:
            async with asyncio.timeout(_SECONDS):
                found = [one async for one in self._all(caller)]
        except (ServiceError, TimeoutError):
            return [(UNKNOWN,) for _ in asked]
        async with self._db.transaction(caller.workspace_id) as tx:
            draft = (await self._catalogues.read(tx, caller.workspace_id)).draft
        leads = _leads(draft)
        return [
            tuple(name for name, parts in found if _speaks(parts, obj, field, leads))
            for obj, field in asked
        ]

    async def refuse(self, caller: Caller, obj: str, field: str = "") -> None:
        """FAILED_PRECONDITION / IN_USE where rules or workflows use it."""
        [found] = await self.of(caller, [(obj, field)])
        names = [name for name in found if name != UNKNOWN]
        if not names:
            return
        where = f"{obj}.{field}" if field else obj
        message = f"the {names[0]} uses {where}; change that first, or say force"
        violations = [Violation(name, "IN_USE", f"the {name} uses {where}") for name in names]
        raise FailedPrecondition("IN_USE", message, violations=violations)

    async def _all(self, caller: Caller) -> AsyncIterator[tuple[str, list[Any]]]:
        """Every rule and workflow by name, with the documents that it consists of."""
        own = clients.metadata(caller.credential)
        token = ""
        while True:
            rules = rule_service_pb2.ListRulesRequest(page_size=_PAGE, page_token=token)
            answer = await clients.call(self._rules.ListRules, rules, own, timeout=_SECONDS)
            for rule in answer.rules:
                trigger = {"object": rule.trigger.object, "fields": list(rule.trigger.fields)}
                inputs = [_read(action.input_json) for action in rule.actions]
                yield f"rule {rule.name}", [trigger, _read(rule.condition_json), *inputs]
            token = answer.next_page_token
            if not token:
                break
        while True:
            flows = workflow_service_pb2.ListWorkflowsRequest(page_size=_PAGE, page_token=token)
            page = await clients.call(self._workflows.ListWorkflows, flows, own, timeout=_SECONDS)
            for flow in page.workflows:
                parts = [_read(flow.trigger_json), _read(flow.condition_json), flow.when]
                yield f"workflow {flow.name}", [*parts, _read(flow.steps_json)]
            token = page.next_page_token
            if not token:
                return


def _read(document: bytes) -> Any:
    try:
        return loads_exact(document) if document else {}
    except Invalid:  # a draft may hold anything
        return {}


def _leads(draft: Draft) -> dict[Read, str]:
    """Where relation fields lead, by object and name: those that a path goes through."""
    found: dict[Read, str] = {}
    for one in draft.relations():
        names = list(one.settings.get("targets") or [])
        if len(names) == 1:
            found[draft.objects[one.object_id].name, one.name] = str(names[0])
    return found


def _speaks(parts: Sequence[Any], obj: str, field: str, leads: Mapping[Read, str]) -> bool:
    """Whether documents (trigger and condition first) speak of the object, or of its field: in the
    trigger, the condition and wherever that goes on to, a template or formula, or among the fields
    that a step writes."""
    trigger, condition, *steps = parts
    about = str(trigger.get("object") or "") if isinstance(trigger, Mapping) else ""
    triggered = about == obj
    read = set(_reads(condition, about, leads))
    if not field:
        if triggered or any(one == obj for one, _ in read):
            return True
        return any(one.get("object") == obj for one in _objects(steps))
    if (obj, field) in read or (triggered and field in _named(trigger)):
        return True
    spoken = re.compile(rf"\b(?:after|before|record|fields)\.{re.escape(field)}\b")
    if triggered and any(spoken.search(text) for text in _texts(steps)):
        return True
    written = (one for one in _objects(steps) if one.get("object", obj if triggered else "") == obj)
    return any(field in one["fields"] for one in written if isinstance(one.get("fields"), Mapping))


def _named(trigger: Mapping[str, Any]) -> set[str]:
    """The fields that a trigger names."""
    found = {str(name) for name in trigger.get("fields") or ()}
    return found | {str(name) for name in trigger.get("changes") or ()}


def _reads(tree: Any, about: str, leads: Mapping[Read, str]) -> Iterator[Read]:
    """What a filter reads, as object and field: of the records it is about, and of those that its
    paths go on to."""
    if isinstance(tree, list):
        for one in tree:
            yield from _reads(one, about, leads)
    if not isinstance(tree, Mapping):
        return
    for key, value in tree.items():
        if key in _JOINING:
            yield from _reads(value, about, leads)
            continue
        here = about
        for name in str(key).split("."):
            yield here, name
            here = leads.get((here, name), "")
        for operator in value if isinstance(value, Mapping) else ():
            if operator in QUANTIFIERS:
                yield from _reads(value[operator], here, leads)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _objects(one)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
