"""Read what one version of a rule or workflow says: what its runs are carried out by."""

from uuid import UUID

from kit.db import Tx
from services.automation.logic import definitions, graph
from services.automation.model import Kind, Limits, Source
from services.automation.store.rules import definition_of
from services.automation.store.workflows import document_of

_RULE = """
SELECT v.owner_id, v.definition, r.name
FROM rule_versions AS v JOIN rules AS r USING (workspace_id, rule_id)
WHERE v.workspace_id = %s AND v.rule_id = %s AND v.version = %s"""
_WORKFLOW = """
SELECT v.owner_id, v.definition, w.name
FROM workflow_versions AS v JOIN workflows AS w USING (workspace_id, workflow_id)
WHERE v.workspace_id = %s AND v.workflow_id = %s AND v.version = %s"""


async def load(tx: Tx, workspace_id: UUID, kind: Kind, source_id: UUID, version: int) -> Source:
    sql = _RULE if kind is Kind.RULE else _WORKFLOW
    row = await tx.one(sql, [workspace_id, source_id, version])
    if kind is Kind.RULE:
        rule = definition_of(row["definition"])
        found, limits = graph.of_actions(rule.actions), Limits()
    else:
        workflow = definitions.read(document_of(row["definition"]))
        found, limits = workflow.graph, workflow.limits
    return Source(found, row["name"], row["owner_id"], limits)
