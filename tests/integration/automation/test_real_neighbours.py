"""With the real metadata and records planes beside it: a change starts a run that changes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from armature.automation.v1 import (
    rule_pb2,
    rule_service_pb2,
    rule_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
)
from armature.metadata.v1 import schema_service_pb2, schema_service_pb2_grpc
from armature.records.v1 import record_service_pb2, record_service_pb2_grpc

from cli.stack import run
from cli.stack.description import Stack
from cli.stack.planes import present
from cli.stack.ports import find_free_base
from kit import clients, ids
from tests.integration.automation.harness import FINISHED, ROOT, eventually

PLANES = ("metadata", "records", "automation")


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    assert set(present(ROOT, PLANES)) == set(PLANES)
    data: Path = tmp_path_factory.mktemp("stack")
    with run.started(ROOT, find_free_base(), PLANES, data_dir=data) as found:
        yield found


class Client:
    def __init__(self, stack: Stack) -> None:
        self._headers = clients.metadata(stack["api_key"])
        self.channels = {plane: clients.channel(stack["grpc"][plane]) for plane in PLANES}
        self.schema = schema_service_pb2_grpc.SchemaServiceStub(self.channels["metadata"])
        self.records = record_service_pb2_grpc.RecordServiceStub(self.channels["records"])
        self.rules = rule_service_pb2_grpc.RuleServiceStub(self.channels["automation"])
        self.runs = run_service_pb2_grpc.RunServiceStub(self.channels["automation"])

    async def call(self, method: Any, request: Any) -> Any:
        return await clients.call(method, request, self._headers, timeout=20)

    async def close(self) -> None:
        for channel in self.channels.values():
            await channel.close()


async def test_a_won_opportunity_makes_a_company_and_is_renamed(stack: Stack) -> None:
    client = Client(stack)
    document = {
        "objects": [
            {
                "name": "deal",
                "plural_name": "deals",
                "fields": [
                    {"name": "title", "type": "text"},
                    {"name": "amount", "type": "currency"},
                    {
                        "name": "phase",
                        "type": "select",
                        "options": [{"value": "open"}, {"value": "won"}],
                    },
                ],
            }
        ]
    }
    applied = await client.call(
        client.schema.ApplySchema,
        schema_service_pb2.ApplySchemaRequest(document_json=json.dumps(document).encode()),
    )
    rule = rule_pb2.Rule(
        name="won",
        trigger=rule_pb2.Trigger(type="record_updated", object="deal", fields=["phase"]),
        condition_json=b'{"phase": "won", "amount.amount_micros": {"gte": 10000000000}}',
        actions=[
            rule_pb2.Action(
                type="create_record",
                name="copy",
                input_json=json.dumps(
                    {
                        "object": "deal",
                        "fields": {
                            "title": "After {{ trigger.before.phase }}: {{ trigger.after.title }}",
                            "amount": "{{ trigger.after.amount }}",
                        },
                    }
                ).encode(),
            ),
            rule_pb2.Action(
                type="update_record",
                input_json=b'{"fields": {"title": "{{ steps.copy.record.fields.title }}"}}',
            ),
        ],
    )
    made = await client.call(client.rules.CreateRule, rule_service_pb2.CreateRuleRequest(rule=rule))
    created = await client.call(
        client.records.CreateRecord,
        record_service_pb2.CreateRecordRequest(
            object="deal",
            fields_json=b'{"title": "Big", "phase": "open",'
            b' "amount": {"amount_micros": 10000000000, "currency_code": "EUR"}}',
            request_id=str(ids.new_id()),
            at_version=applied.metadata_version,
        ),
    )
    await client.call(
        client.records.UpdateRecord,
        record_service_pb2.UpdateRecordRequest(
            object="deal", id=created.record.id, fields_json=b'{"phase": "won"}'
        ),
    )

    async def ended() -> Any:
        request = run_service_pb2.ListRunsRequest(rule=made.rule.id)
        found = (await client.call(client.runs.ListRuns, request)).runs
        return [one for one in found if one.state in FINISHED]

    [one] = await eventually(ended, "the run ends", 60)
    assert (one.state, one.error) == ("succeeded", "")
    answer = await client.call(
        client.records.GetRecord,
        record_service_pb2.GetRecordRequest(object="deal", id=created.record.id),
    )
    assert json.loads(answer.record.fields_json)["title"] == "After open: Big"
    assert (answer.record.updated_by.kind, answer.record.updated_by.id) == (
        "automation",
        made.rule.id,
    )
    page = await client.call(
        client.records.QueryRecords, record_service_pb2.QueryRecordsRequest(object="deal")
    )
    assert (
        sorted(json.loads(r.fields_json)["amount"]["amount_micros"] for r in page.records)
        == [10_000_000_000] * 2
    )
    await client.close()
