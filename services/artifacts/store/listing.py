"""Compose the page queries that notes, todos and files share: of a target, or a creator's own."""

from typing import Any
from uuid import UUID

from services.artifacts.model import Listing


def page_sql(
    kind: str, columns: str, workspace_id: UUID, listing: Listing, where: str = ""
) -> tuple[str, dict[str, Any]]:
    """Newest first, by one index scan; `where` is about the artifact `a`."""
    params: dict[str, Any] = {
        "workspace_id": workspace_id,
        "limit": listing.limit,
        "after_time": listing.after.time if listing.after else None,
        "after_id": listing.after.id if listing.after else None,
    }
    selected = ", ".join(f"a.{name}" for name in columns.split(", "))
    if listing.target is None:
        params["creator_id"] = listing.creator_id
        after = f"AND (a.create_time, a.{kind}_id) < (%(after_time)s, %(after_id)s)"
        sql = (
            f"SELECT {selected} FROM {kind}s AS a WHERE a.workspace_id = %(workspace_id)s"
            f" AND a.creator_id = %(creator_id)s {after if listing.after else ''} {where}"
            f" ORDER BY a.create_time DESC, a.{kind}_id DESC LIMIT %(limit)s"
        )
        return sql, params
    params |= {"target_id": listing.target.id, "target_kind": listing.target.kind}
    after = "AND (l.artifact_time, l.artifact_id) < (%(after_time)s, %(after_id)s)"
    sql = (
        f"SELECT {selected} FROM artifact_links AS l JOIN {kind}s AS a"
        f" ON a.workspace_id = l.workspace_id AND a.{kind}_id = l.artifact_id"
        " WHERE l.workspace_id = %(workspace_id)s AND l.target_id = %(target_id)s"
        f" AND l.target_kind = %(target_kind)s AND l.artifact_kind = '{kind}'"
        f" {after if listing.after else ''} {where}"
        " ORDER BY l.artifact_time DESC, l.artifact_id DESC LIMIT %(limit)s"
    )
    return sql, params
