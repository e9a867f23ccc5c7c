"""Build what the links plane announces: link.created, updated, deleted, undeleted; cascade.parked.

The edges of relation fields are not announced: record.updated has said it.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kit.outbox import Event
from schema.compiled import Workspace
from schema.model import LinkType
from services.links.logic.types import name_from
from services.links.model import Direction, Link, Origin


def _event(what: str, kind: LinkType | None, link: Link, **more: Any) -> Event:
    return Event(
        type=f"link.{what}",
        aggregate_type="link",
        aggregate_id=link.id,
        aggregate_version=link.version,
        data={
            "link_id": str(link.id),
            "type": kind.name if kind else "",
            "type_id": str(link.type_id),
            "inverse_name": name_from(kind, Direction.IN) if kind else "",
            "source": link.source.document(),
            "target": link.target.document(),
            "attributes": link.attributes,
            "position": link.position,
            "version": link.version,
            **more,
        },
    )


def created(kind: LinkType, link: Link) -> Event:
    return _event("created", kind, link)


def updated(kind: LinkType | None, link: Link, changed: Sequence[str]) -> Event:
    return _event("updated", kind, link, changed_fields=list(changed))


def removed(workspace: Workspace, links: Sequence[Link], operation_id: UUID) -> list[Event]:
    """link.deleted, by hand or because an end was deleted: `operation_id` says by what."""
    return _several("deleted", workspace, links, operation_id)


def restored(workspace: Workspace, links: Sequence[Link], operation_id: UUID) -> list[Event]:
    """link.undeleted: an end is back, and with it what its deletion had taken."""
    return _several("undeleted", workspace, links, operation_id)


def _several(
    what: str, workspace: Workspace, links: Sequence[Link], operation_id: UUID
) -> list[Event]:
    types = workspace.link_types_by_id
    return [
        _event(what, types.get(str(link.type_id)), link, operation_id=str(operation_id))
        for link in links
        if link.origin is Origin.LINK
    ]


def cascade_parked(operation_id: UUID, version: int, reason: str, count: int) -> Event:
    """A cascade was not done, or not wholly: somebody must look at it."""
    return Event(
        type="cascade.parked",
        aggregate_type="cascade",
        aggregate_id=operation_id,
        aggregate_version=version,
        data={"operation_id": str(operation_id), "reason": reason, "count": count},
    )
