"""Ask what a caller may do with nodes of any kind, artifacts included, in one call per plane."""

from collections.abc import Iterable

from kit.caller import Caller
from kit.db import Database, Tx
from planes.nodes import Node, Nodes
from services.artifacts.logic.access import may
from services.artifacts.model import Holder
from services.artifacts.store import targets


class Rights:
    """A file may be attached to a note or todo, and those to records: two steps, never more."""

    def __init__(self, db: Database, nodes: Nodes) -> None:
        self._db = db
        self._nodes = nodes

    async def allowed(
        self, caller: Caller, nodes: Iterable[Node], permission: str
    ) -> dict[Node, bool]:
        """For each node whether the caller may `read` or `update` it, and for the targets that
        decide over the artifacts among them."""
        asked = dict.fromkeys(nodes)
        artifacts = [n for n in asked if n.is_artifact]
        holders: dict[Node, Holder] = {}
        if artifacts:
            async with self._db.transaction(caller.workspace_id) as tx:
                holders = await self._holders(tx, caller, artifacts)
        deciding = {t for holder in holders.values() for t in holder.targets}
        records = [n for n in {**asked, **dict.fromkeys(deciding)} if not n.is_artifact]
        found = await self._nodes.check(caller, records, permission) if records else {}
        # Notes and todos first: they decide over the files that are attached to them.
        for node in sorted(holders, key=lambda n: n.kind == "file"):
            found[node] = may(holders[node], caller.principal_id, found)
        return {node: found.get(node, False) for node in (*asked, *deciding)}

    async def _holders(self, tx: Tx, caller: Caller, artifacts: list[Node]) -> dict[Node, Holder]:
        found = await targets.holders(tx, caller.workspace_id, artifacts)
        more = {t for h in found.values() for t in h.targets if t.is_artifact} - set(found)
        return found | await targets.holders(tx, caller.workspace_id, sorted(more))
