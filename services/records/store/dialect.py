"""Say how filters follow relations and links in this plane's tables: relations backwards by the
index of references, links by what the links plane has announced."""

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


def _linked(hop: Hop, outer: str, params: Params) -> str:
    """The ids at the other end of the links of `outer`."""
    side = " AND l.outward = ANY('{false,true}')"  # said, so that the index gives them
    if not hop.symmetric:
        side = f" AND l.outward = {str(hop.outward).lower()}"
    return (
        f"SELECT l.other_id AS id FROM record_links AS l"
        f" WHERE l.workspace_id = {outer}.workspace_id"
        f" AND l.link_type_id = {params.add(hop.link_type_id, 'uuid')}"
        f" AND l.record_id = {outer}.record_id{side} AND l.live"
    )


DIALECT = Dialect(referring=_referring, linked=_linked)
