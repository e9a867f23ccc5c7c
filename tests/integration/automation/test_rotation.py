"""Signing secrets and workflows' own URLs change without a gap, and end when they should."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from armature.automation.v1 import rule_service_pb2, workflow_service_pb2
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from kit import clients, ids
from kit.errors import NotFound, PermissionDenied, Unauthenticated
from services.automation.model import Kind
from services.automation.store import secrets
from tests.integration.automation.harness import Tenant
from tests.services import refusal

PB = workflow_service_pb2

pytestmark = pytest.mark.usefixtures("worker")


def rotate_rule(rule: str, **more: Any) -> rule_service_pb2.RotateRuleSecretRequest:
    return rule_service_pb2.RotateRuleSecretRequest(rule=rule, **more)


async def expire(tenant: Tenant) -> None:
    """Let the overlap pass."""
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        await tx.run(
            "UPDATE retired_secrets SET expire_time = now() WHERE workspace_id = %s",
            [tenant.workspace_id],
        )


def verifies(secret: str, hook: Any) -> bool:
    try:
        Webhook(secret).verify(hook.body, hook.headers)
    except WebhookVerificationError:
        return False
    return True


async def test_a_rules_webhooks_are_signed_by_both_secrets_for_a_while(tenant: Tenant) -> None:
    path = f"/{ids.new_id()}"
    hook = ("send_webhook", {"url": tenant.platform.receiver.url + path})
    made = await tenant.create([hook])
    rule, first = made.rule.id, made.webhook_secret

    async def sent() -> Any:
        assert (await tenant.finished(await tenant.happen())).state == "succeeded"
        return tenant.platform.receiver.at(path)[-1]

    assert verifies(first, await sent())
    key = str(ids.new_id())
    answer = await tenant.call(tenant.rules.RotateRuleSecret, rotate_rule(rule, request_id=key))
    second = answer.webhook_secret
    assert second.startswith("whsec_")
    assert second != first
    again = await tenant.call(tenant.rules.RotateRuleSecret, rotate_rule(rule, request_id=key))
    assert again == answer
    both = await sent()
    assert [verifies(one, both) for one in (first, second)] == [True, True]
    assert len(both.headers["webhook-signature"].split()) == 2
    first, second = (
        second,
        (await tenant.call(tenant.rules.RotateRuleSecret, rotate_rule(rule))).webhook_secret,
    )
    newest = await sent()
    assert [verifies(one, newest) for one in (made.webhook_secret, first, second)] == [
        False,
        True,
        True,
    ]
    assert len(newest.headers["webhook-signature"].split()) == 2
    await expire(tenant)
    alone = await sent()
    assert [verifies(one, alone) for one in (first, second)] == [False, True]
    ended = await tenant.call(tenant.rules.RotateRuleSecret, rotate_rule(rule, end_old=True))
    last = await sent()
    assert [verifies(one, last) for one in (second, ended.webhook_secret)] == [False, True]
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        rows = await tx.all(
            "SELECT response FROM idempotency_keys WHERE workspace_id = %s", [tenant.workspace_id]
        )
    assert rows
    assert not any(second.encode() in bytes(row["response"]) for row in rows)
    history = await tenant.call(
        tenant.workflows.ListWorkflowHistory, PB.ListWorkflowHistoryRequest(workflow=rule)
    )
    assert [one.kind for one in history.entries] == ["rotated"] * 3


async def called(tenant: Tenant, url: str, **more: Any) -> str:
    """The run that a call of a workflow's own URL starts."""
    headers = clients.metadata(f"hook_{url.rpartition('/')[2]}")
    answer = await clients.call(
        tenant.workflows.ReceiveHook, PB.ReceiveHookRequest(body=b"{}", **more), headers
    )
    return str(answer.run_id)


async def test_a_workflows_url_is_taken_until_its_overlap_ends(tenant: Tenant) -> None:
    steps = [{"id": "stop", "type": "stop"}]
    made = await tenant.draft({"trigger": {"type": "webhook"}, "steps": steps})
    await tenant.publish(made.workflow.id)
    first = made.hook_url
    request = PB.RotateHookUrlRequest(workflow=made.workflow.id, request_id=str(ids.new_id()))
    second = (await tenant.call(tenant.workflows.RotateHookUrl, request)).hook_url
    assert second != first
    assert (await tenant.call(tenant.workflows.RotateHookUrl, request)).hook_url == second
    for url in (first, second):
        await tenant.until(await called(tenant, url), "succeeded")
    await expire(tenant)
    assert isinstance(await refusal(called(tenant, first)), Unauthenticated)
    await called(tenant, second)
    request = PB.RotateHookUrlRequest(workflow=made.workflow.id, end_old=True)
    third = (await tenant.call(tenant.workflows.RotateHookUrl, request)).hook_url
    assert isinstance(await refusal(called(tenant, second)), Unauthenticated)
    await called(tenant, third)


async def test_a_signed_url_takes_both_secrets_for_a_while(tenant: Tenant) -> None:
    steps = [{"id": "stop", "type": "stop"}]
    trigger = {"type": "webhook", "signed": True}
    made = await tenant.draft({"trigger": trigger, "steps": steps})
    await tenant.publish(made.workflow.id)
    rotated = await tenant.call(
        tenant.workflows.RotateWorkflowSecret,
        PB.RotateWorkflowSecretRequest(workflow=made.workflow.id),
    )
    first, second = made.webhook_secret, rotated.webhook_secret
    assert rotated.old_expire_time.seconds > 0

    async def signed(secret: str) -> str:
        at = await _now(tenant)
        name = str(ids.new_id())
        return await called(
            tenant,
            made.hook_url,
            webhook_id=name,
            webhook_timestamp=str(int(at.timestamp())),
            webhook_signature=Webhook(secret).sign(name, at, "{}"),
        )

    await signed(first)
    await signed(second)
    again = PB.RotateWorkflowSecretRequest(workflow=made.workflow.id)
    third = (await tenant.call(tenant.workflows.RotateWorkflowSecret, again)).webhook_secret
    assert isinstance(await refusal(signed(first)), Unauthenticated)
    await signed(second)
    await signed(third)
    await expire(tenant)
    assert isinstance(await refusal(signed(second)), Unauthenticated)
    await signed(third)


async def test_secrets_are_rotated_by_those_who_keep_rules(tenant: Tenant) -> None:
    made = await tenant.create([("create_note", {"title": "x", "body": "-"})])
    reader = tenant.world.new_key(tenant.workspace_id, "read_only")
    calls = [
        (tenant.rules.RotateRuleSecret, rotate_rule(made.rule.id)),
        (tenant.workflows.RotateWorkflowSecret, PB.RotateWorkflowSecretRequest(workflow="x")),
        (tenant.workflows.RotateHookUrl, PB.RotateHookUrlRequest(workflow="x")),
    ]
    for method, request in calls:
        error = await refusal(tenant.call(method, request, reader))
        assert isinstance(error, PermissionDenied)
    stranger = tenant.world.new_key(UUID(int=ids.new_id().int))
    for method, request in calls:
        assert isinstance(await refusal(tenant.call(method, request, stranger)), NotFound)


async def _now(tenant: Tenant) -> Any:
    async with tenant.platform.db.transaction(tenant.workspace_id) as tx:
        return await tx.time()


async def test_signing_secrets_of_many_are_read_in_one_statement(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest first, of each its own; none of what is not there."""
    hook = ("send_webhook", {"url": tenant.platform.receiver.url + "/many"})
    step = {"id": "hook", "type": "send_webhook", "input": hook[1]}
    rules = [(await tenant.create([hook])).rule.id for _ in range(3)]
    flow = (await tenant.workflow([step])).id
    await tenant.call(tenant.rules.RotateRuleSecret, rotate_rule(rules[0]))
    wanted = [(Kind.RULE, UUID(one)) for one in rules] + [(Kind.WORKFLOW, UUID(flow))]
    nobodys = (Kind.WORKFLOW, UUID(rules[0]))
    sent: list[str] = []
    execute = psycopg.AsyncConnection.execute

    async def noted(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        sent.append(str(query))
        return await execute(self, query, *rest, **more)

    async with tenant.platform.db.reading(tenant.workspace_id) as tx:
        alone = {
            (kind, one): await secrets.signing(tx, tenant.workspace_id, kind, one)
            for kind, one in wanted
        }
        monkeypatch.setattr(psycopg.AsyncConnection, "execute", noted)
        found = await secrets.signing_of(tx, tenant.workspace_id, [*wanted, nobodys])
    assert len(sent) == 1
    assert {one: found[one] for one in wanted} == alone
    assert [len(found[one]) for one in wanted] == [2, 1, 1, 1]
    assert len({kept for all_of in alone.values() for kept in all_of}) == 5
