"""Say how filters follow relations in this plane's tables: backwards by the index of references."""

from schema.filters.columns import Params
from schema.filters.sql import Dialect
from schema.filters.tree import Hop
from services.records.logic.documents import slot_of


def _referring(hop: Hop, outer: str, params: Params) -> str | None:
    """The ids of the records whose relation names `outer`; None where no index knows them."""
    assert hop.field is not None
    if not hop.field.indexed:
        return None
    slot = params.add(slot_of(hop.field.id, ""), "uuid")
    return (
        f"SELECT v.record_id AS id FROM value_ref AS v"
        f" WHERE v.workspace_id = {outer}.workspace_id AND v.slot = {slot}"
        f" AND v.value = {outer}.record_id"
    )


DIALECT = Dialect(referring=_referring)
