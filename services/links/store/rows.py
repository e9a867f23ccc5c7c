"""Turn rows of links into values."""

from typing import Any

from psycopg.types.json import Jsonb

from kit.db import Row
from planes.nodes import Node
from schema import jsonio
from services.links.model import Link, Origin

COLUMNS = (
    "link_id, link_type_id, source_kind, source_id, target_kind, target_id, attributes, position,"
    " origin, version, created_by, create_time, update_time"
)
PREFIXED = ", ".join(f"l.{name}" for name in COLUMNS.split(", "))


def jsonb(value: Any) -> Jsonb:
    """A JSON parameter, numbers to the last digit."""
    return Jsonb(value, jsonio.dumps)


def link(row: Row) -> Link:
    return Link(
        id=row["link_id"],
        type_id=row["link_type_id"],
        source=Node(row["source_kind"], row["source_id"]),
        target=Node(row["target_kind"], row["target_id"]),
        attributes=row["attributes"],
        position=row["position"],
        origin=Origin(row["origin"]),
        version=row["version"],
        created_by=row["created_by"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )
