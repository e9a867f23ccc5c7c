"""Describe the metadata schema; row security is in the migrations."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)


def _key(name: str, *, primary: bool = True) -> "sa.Column[object]":
    return sa.Column(name, sa.Uuid, primary_key=primary, nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean, nullable=False)


def _json(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, JSONB, nullable=nullable)


def _preferences() -> "tuple[sa.Column[str], ...]":
    """How a principal reads dates; empty: as its workspace does."""
    names = ("time_zone", "week_start")
    return tuple(sa.Column(n, sa.Text, nullable=False, server_default="") for n in names)


def _versioned() -> "tuple[sa.Column[int], sa.Column[object], sa.Column[object]]":
    return (
        sa.Column("version", sa.BigInteger, nullable=False),
        time_column("create_time"),  # type: ignore[return-value]
        time_column("update_time"),
    )


sa.Table(
    "workspaces",
    metadata,
    _key("workspace_id"),
    _text("display_name"),
    _text("time_zone"),
    _text("week_start"),
    *_versioned(),
)

# One narrow row per workspace: its lock is what serializes writers of definitions.
sa.Table(
    "metadata_versions",
    metadata,
    _key("workspace_id"),
    sa.Column("version", sa.BigInteger, nullable=False),
)

sa.Table(
    "objects",
    metadata,
    _key("workspace_id"),
    _key("object_id"),
    _text("name"),
    _text("plural_name"),
    _text("label"),
    _text("plural_label"),
    _text("description"),
    _text("icon"),
    _text("label_field"),
    _flag("standard"),
    _flag("active"),
    sa.Column("constraints", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    sa.Column("duplicate_criteria", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
    *_versioned(),
    sa.UniqueConstraint("workspace_id", "name", name="uq_objects_name"),
    sa.UniqueConstraint("workspace_id", "plural_name", name="uq_objects_plural_name"),
    sa.CheckConstraint("name ~ '^[a-z][a-z0-9_]{0,62}$'", name="name"),
)

sa.Table(
    "fields",
    metadata,
    _key("workspace_id"),
    _key("field_id"),
    _key("object_id", primary=False),
    _text("name"),
    _text("key"),
    _text("type"),
    _text("label"),
    _text("description"),
    _json("settings"),
    _json("options"),
    _json("default_value", nullable=True),
    _flag("is_required"),
    _flag("is_unique"),
    _flag("is_indexed"),
    _flag("is_searchable"),
    _text("pii"),
    _flag("active"),
    _text("state"),
    sa.Column("position", sa.Integer, nullable=False),
    _flag("standard"),
    sa.Column("slot", sa.Text, nullable=False, server_default=sa.text("''")),
    *_versioned(),
    sa.UniqueConstraint("workspace_id", "object_id", "key", name="uq_fields_key"),
    sa.Index(
        "uq_fields_name",
        "workspace_id",
        "object_id",
        "name",
        unique=True,
        postgresql_where=sa.text("active"),
    ),
    sa.CheckConstraint("name ~ '^[a-z][a-z0-9_]{0,62}$'", name="name"),
)

sa.Table(
    "link_types",
    metadata,
    _key("workspace_id"),
    _key("link_type_id"),
    _text("name"),
    _text("inverse_name"),
    _json("source_kinds"),
    _json("target_kinds"),
    _text("cardinality"),
    _text("on_source_delete"),
    _text("on_target_delete"),
    _flag("is_symmetric"),
    sa.Column("field_id", sa.Uuid),
    _text("label"),
    _text("inverse_label"),
    _flag("active"),
    *_versioned(),
    sa.UniqueConstraint("workspace_id", "name", name="uq_link_types_name"),
)

sa.Table(
    "views",
    metadata,
    _key("workspace_id"),
    _key("view_id"),
    _key("object_id", primary=False),
    _text("name"),
    _text("type"),
    _text("icon"),
    sa.Column("position", sa.Integer, nullable=False),
    _text("visibility"),
    _text("created_by"),
    _json("columns"),
    _json("filter"),
    _text("sort"),
    _json("groups"),
    sa.Column("group_field_id", sa.Uuid),
    _json("aggregates"),
    sa.Column("date_field_id", sa.Uuid),
    sa.Column("end_date_field_id", sa.Uuid),
    sa.Column("location_field_id", sa.Uuid),
    _text("layout"),
    _text("open_in"),
    _text("materialized"),
    *_versioned(),
    sa.Index(
        "uq_views_name",
        "workspace_id",
        "object_id",
        "name",
        unique=True,
        postgresql_where=sa.text("visibility = 'workspace'"),
    ),
)

sa.Table(
    "metadata_changes",
    metadata,
    _key("workspace_id"),
    sa.Column("metadata_version", sa.BigInteger, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    _text("type"),
    _key("entity_id", primary=False),
    _json("before", nullable=True),
    _json("after", nullable=True),
    _json("actor"),
    time_column("create_time"),
    sa.Column("job_id", sa.Uuid),  # whose end the change is
)

sa.Table(
    "members",
    metadata,
    _key("workspace_id"),
    sa.Column("principal_id", sa.Text, primary_key=True),
    _text("kind"),
    _text("display_name"),
    _text("role"),
    _flag("active"),
    *_preferences(),
    *_versioned(),
)

# What a workspace's own role grants, beside the three that every workspace has.
sa.Table(
    "roles",
    metadata,
    _key("workspace_id"),
    _key("role_id"),
    _text("name"),
    _text("description"),
    _json("permissions"),
    _json("objects"),
    *_versioned(),
    sa.UniqueConstraint("workspace_id", "name", name="uq_roles_name"),
    sa.CheckConstraint("name ~ '^[a-z][a-z0-9_]{0,62}$'", name="name"),
)

# What a field, or an object, becomes when the job that the records plane runs for it has ended.
sa.Table(
    "field_changes",
    metadata,
    _key("workspace_id"),
    _key("job_id"),
    sa.Column("field_id", sa.Uuid),
    _key("object_id", primary=False),
    _text("kind"),
    _json("target"),
    _json("actor"),
    time_column("create_time"),
)

# The blueprints that a workspace has, and the ids of what each made; as `parts` its roles, rules
# and workflows, and as `pending` those that another plane has still to take, or to let go.
sa.Table(
    "blueprints",
    metadata,
    _key("workspace_id"),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("blueprint_version", sa.BigInteger, nullable=False),
    _json("made"),
    sa.Column("parts", JSONB, nullable=False, server_default="{}"),
    sa.Column("pending", JSONB, nullable=False, server_default="[]"),
    sa.Column("leaving", sa.Boolean, nullable=False, server_default=sa.text("false")),
    *_versioned(),
)

# Who did what, and who was refused what. The service may add and read; nobody changes or deletes:
# a month's partition is dropped when its time is over.
sa.Table(
    "audit_log",
    metadata,
    _key("workspace_id"),
    sa.Column(
        "create_time",
        sa.DateTime(timezone=True),
        primary_key=True,
        nullable=False,
        server_default=sa.func.now(),
    ),
    _key("entry_id"),
    _text("actor_kind"),
    _text("actor_id"),
    _text("actor_name"),
    _text("action"),
    _text("target_kind"),
    _text("target_id"),
    _json("before", nullable=True),
    _json("after", nullable=True),
    sa.Column("metadata_version", sa.BigInteger, nullable=False),
    _text("reason"),
    _text("permission"),
    _text("method"),
    sa.Column("count", sa.BigInteger, nullable=False),
    time_column("first_time"),
    _text("request_id"),
    _text("trace_id"),
    _text("ip"),
    _text("peer"),
    _text("user_agent"),
    sa.Index("ix_audit_log_actor", "workspace_id", "actor_id", "create_time", "entry_id"),
    sa.Index("ix_audit_log_action", "workspace_id", "action", "create_time", "entry_id"),
    sa.Index("ix_audit_log_target", "workspace_id", "target_id", "create_time", "entry_id"),
    postgresql_partition_by="RANGE (create_time)",
    info={"append_only": True},
)

sa.Table(
    "key_uses",
    metadata,
    _key("workspace_id"),
    _key("api_key_id"),
    sa.Column("day", sa.Date, primary_key=True, nullable=False),
    sa.Column("plane", sa.Text, primary_key=True, nullable=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    time_column("last_used_time"),
    postgresql_partition_by="RANGE (day)",
)

sa.Table(
    "flags",
    metadata,
    _key("workspace_id"),
    _key("flag_id"),
    _text("key"),
    _text("environment"),
    _text("type"),
    _json("value"),
    sa.Column("rollout_percentage", sa.SmallInteger, nullable=False),
    _text("reason"),
    _json("operator"),
    *_versioned(),
    sa.UniqueConstraint("workspace_id", "key", "environment", name="uq_flags_key"),
)

# Found by id alone, before the workspace is known: the one table that the workers' role reads
# across workspaces to answer a call.
sa.Table(
    "api_keys",
    metadata,
    _key("workspace_id"),
    _key("api_key_id"),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    _text("display_name"),
    _text("role"),
    _flag("operator"),
    sa.Column("version", sa.BigInteger, nullable=False),
    time_column("create_time"),
    time_column("expire_time", nullable=True),
    time_column("revoke_time", nullable=True),
    *_preferences(),
    sa.Index("ix_api_keys_api_key_id", "api_key_id"),
)

common_tables(metadata)
