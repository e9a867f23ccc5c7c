"""Describe the records schema; row security is in the migrations.

`records.doc` is the truth. The value tables are an index over it: a row for each indexed scalar,
whose primary key is their only index. `slot` is the field's id, or one derived from it for a part
of a composite. Texts stand with their fold in front, which sorts and compares alike in Postgres
and in Python.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from kit.tables import NAMING, common_tables, time_column

metadata = sa.MetaData(naming_convention=NAMING)


def _actor_key(actor: str) -> "sa.Column[str]":
    """The object's id and the actor's, for an index: what reads into JSON may leak, and can't drive
    one under row security. One text of both, so that no other index answers half of it."""
    told = sa.Computed(f"object_id::text || ({actor} ->> 'id'::text)", persisted=True)
    return sa.Column(f"{actor}_key", sa.Text(collation="C"), told)


records = sa.Table(
    "records",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("doc", JSONB, nullable=False),
    # Folds of the texts that are not pure ASCII, by their path in the document; of others the fold
    # is the lower-case text.
    sa.Column("folds", JSONB),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("position", sa.Numeric, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("delete_time", nullable=True),
    sa.Column("created_by", JSONB, nullable=False),
    sa.Column("updated_by", JSONB, nullable=False),
    _actor_key("created_by"),
    _actor_key("updated_by"),
    *(
        sa.Index(
            f"ix_records_{actor}",
            f"{actor}_key",  # first: Postgres then takes no other index by mistake
            "workspace_id",
            postgresql_where=sa.text("delete_time IS NULL"),
        )
        for actor in ("created_by", "updated_by")
    ),
    sa.Index(
        "ix_records_object",
        "workspace_id",
        "object_id",
        "record_id",
        postgresql_where=sa.text("delete_time IS NULL"),
    ),
    sa.Index("ix_records_create_time", "workspace_id", "object_id", "create_time", "record_id"),
    sa.Index("ix_records_position", "workspace_id", "object_id", "position", "record_id"),
)


def _values(name: str, *value: "sa.Column[object]") -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("slot", sa.Uuid, primary_key=True),
        *value,
        sa.Column("record_id", sa.Uuid, primary_key=True),
    )


value_text = _values(
    "value_text",
    sa.Column("fold", sa.Text(collation="C"), primary_key=True),
    sa.Column("value", sa.Text(collation="C"), primary_key=True),
)
# Numbers in the order-preserving form of logic/numbers: see there why.
value_number = _values("value_number", sa.Column("value", sa.LargeBinary, primary_key=True))
value_timestamp = _values(
    "value_timestamp", sa.Column("value", sa.DateTime(timezone=True), primary_key=True)
)
value_date = _values("value_date", sa.Column("value", sa.Date, primary_key=True))
value_ref = _values("value_ref", sa.Column("value", sa.Uuid, primary_key=True))

value_unique = sa.Table(
    "value_unique",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("constraint_id", sa.Uuid, primary_key=True),
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("record_id", sa.Uuid, nullable=False),
)

# The unique values of deleted records: free for others, and found again by an upsert.
value_freed = sa.Table(
    "value_freed",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("constraint_id", sa.Uuid, primary_key=True),
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    time_column("delete_time"),
)

# What can be searched of each live record, in the form of logic/search; one index for both.
search_entries = sa.Table(
    "search_entries",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("vector", TSVECTOR, nullable=False),
    sa.Column("grams", ARRAY(sa.BigInteger), nullable=False),
    sa.Index("ix_search_entries_terms", "vector", "grams", postgresql_using="gin"),
)

# Workspaces with records from before there were entries, and how far a worker has come.
search_builds = sa.Table(
    "search_builds",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("after_id", sa.Uuid),
    time_column("create_time"),
)

# Group stats: a base row per (statistic, group), and append-only deltas that a compactor folds in.
group_stats = sa.Table(
    "group_stats",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("stat_id", sa.Uuid, primary_key=True),
    sa.Column("group_key", sa.Text, primary_key=True),
    sa.Column("measure", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Numeric, nullable=False),
)
group_stat_deltas = sa.Table(
    "group_stat_deltas",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("stat_id", sa.Uuid, primary_key=True),
    sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("group_key", sa.Text, nullable=False),
    sa.Column("measure", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Numeric, nullable=False),
)
stat_states = sa.Table(
    "stat_states",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("stat_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("measures", sa.Text, nullable=False),
    time_column("create_time"),
    sa.Column("ready", sa.Boolean, nullable=False, server_default=sa.text("true")),
    time_column("use_time"),  # about when it was last asked, for those that count alone
    time_column("check_time"),  # when it was last recounted
)

# View entries: the records of a hot view in its order, as bytes that sort so (logic/sort_bytes). A
# set is a view as it is defined at some time; what changes it is another set.
view_states = sa.Table(
    "view_states",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, primary_key=True),
    sa.Column("set_id", sa.Uuid, primary_key=True),
    sa.Column("view_id", sa.Uuid, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("after_id", sa.Uuid),  # how far a build has come
    sa.Column("records", sa.BigInteger, nullable=False),  # that a build has looked at
    time_column("create_time"),
    time_column("change_time"),
    time_column("check_time"),  # when it was last compared with the records
    sa.CheckConstraint("state IN ('building', 'ready', 'dropping', 'off')", name="state"),
)
view_entries = sa.Table(
    "view_entries",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("set_id", sa.Uuid, primary_key=True),
    sa.Column("group_key", sa.Text(collation="C"), primary_key=True),
    sa.Column("sort_key", sa.LargeBinary, primary_key=True),  # ends in the record's id
    sa.Column("record_id", sa.Uuid, nullable=False),
)
# How many entries there are from `low` to the next bucket's; deltas are not counted in yet.
view_buckets = sa.Table(
    "view_buckets",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("set_id", sa.Uuid, primary_key=True),
    sa.Column("group_key", sa.Text(collation="C"), primary_key=True),
    sa.Column("low", sa.LargeBinary, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)
view_deltas = sa.Table(
    "view_deltas",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("set_id", sa.Uuid, primary_key=True),
    sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("group_key", sa.Text(collation="C"), nullable=False),
    sa.Column("sort_key", sa.LargeBinary, nullable=False),
    sa.Column("change", sa.SmallInteger, nullable=False),
)
# What queries by a view cost of late, and what the advisor made of it.
view_uses = sa.Table(
    "view_uses",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("view_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    time_column("window_start"),
    sa.Column("queries", sa.BigInteger, nullable=False),
    sa.Column("cost_us", sa.BigInteger, nullable=False),
    time_column("last_time"),
    sa.Column("decision", sa.Text, nullable=False),
    time_column("decision_time", nullable=True),
)

# Imports: their state, what waits for a worker, the rows in blocks, and what was refused.
imports = sa.Table(
    "imports",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("options", JSONB, nullable=False),
    sa.Column("layout", JSONB),  # the header and delimiter that the content began with
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tail", sa.LargeBinary, nullable=False),  # received, and not a whole row yet
    sa.Column("blocks", sa.Integer, nullable=False),
    *(
        sa.Column(name, sa.BigInteger, nullable=False)
        for name in (
            *("received_bytes", "lines", "rows", "processed", "created", "updated", "unchanged"),
            *("restored", "failed", "undone", "undo_skipped"),
        )
    ),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("principal_id", sa.Text, nullable=False),
    sa.Column("created_by", JSONB, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("finish_time", nullable=True),
    sa.CheckConstraint(
        "state IN ('receiving', 'running', 'succeeded', 'failed', 'cancelled', 'undoing',"
        " 'undone')",
        name="state",
    ),
)
import_jobs = sa.Table(
    "import_jobs",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("import_id", sa.Uuid, primary_key=True),
    time_column("due_time"),
    sa.Column("holder", sa.Uuid),
)
import_blocks = sa.Table(
    "import_blocks",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary),  # rows that are not worked off yet
    sa.Column("effects", sa.LargeBinary),  # what was written, for an undo
    sa.Column("undone", sa.LargeBinary),  # what an undo restored
)
import_errors = sa.Table(
    "import_errors",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True),
    sa.Column("phase", sa.Text, primary_key=True),
    sa.Column("problems", JSONB, nullable=False),
)

# Field jobs: what changes the data of a field or an object, whom it offends, what waits for a
# worker. A duty says what writers of an object owe to a job: almost always there is none.
field_jobs = sa.Table(
    "field_jobs",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("job_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, nullable=False),
    sa.Column("field_id", sa.Uuid),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("plan", JSONB, nullable=False),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("after_time", sa.DateTime(timezone=True)),
    sa.Column("after_id", sa.Uuid),
    *(
        sa.Column(name, sa.BigInteger, nullable=False)
        for name in ("checked", "changed", "problems")
    ),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("created_by", JSONB, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    time_column("finish_time", nullable=True),
    sa.Column("told", sa.BigInteger, nullable=False, server_default=sa.text("0")),
)
field_job_problems = sa.Table(
    "field_job_problems",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("job_id", sa.Uuid, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
field_duties = sa.Table(
    "field_duties",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, primary_key=True),
    sa.Column("job_id", sa.Uuid, primary_key=True),
    sa.Column("strict", sa.Boolean, nullable=False),
    sa.Column("until_version", sa.BigInteger),
)
field_job_queue = sa.Table(
    "field_job_queue",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("job_id", sa.Uuid, primary_key=True),
    time_column("due_time"),
    sa.Column("holder", sa.Uuid),
)
# The next number of each auto_number field.
auto_numbers = sa.Table(
    "auto_numbers",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("field_id", sa.Uuid, primary_key=True),
    sa.Column("next", sa.BigInteger, nullable=False),
)

# Rollups: which there are over an object's records, what their writes have added since, append-only
# so that writers of many records under one never wait for another, and what was folded in.
rollups = sa.Table(
    "rollups",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("object_id", sa.Uuid, primary_key=True),  # of the records that it is over
    sa.Column("rollup_id", sa.Uuid, primary_key=True),
    sa.Column("definition", JSONB, nullable=False),
    sa.Column("after_id", sa.Uuid),  # behind which record a recount goes on
    time_column("check_time"),  # when it last went on, or ended
)
rollup_deltas = sa.Table(
    "rollup_deltas",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("rollup_id", sa.Uuid, primary_key=True),
    sa.Column("parent_id", sa.Uuid, primary_key=True),
    sa.Column("delta_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Numeric, nullable=False),
    sa.Column("added", JSONB),  # what may be an extreme now,
    sa.Column("removed", JSONB),  # and what is none any more
    sa.Column("cause", JSONB, nullable=False),  # the write that it is of
)
rollup_sums = sa.Table(
    "rollup_sums",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("rollup_id", sa.Uuid, primary_key=True),
    sa.Column("parent_id", sa.Uuid, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Numeric, nullable=False),
)

# Links, for filters that go through them: a row for each end of a link between records, seen from
# there. The truth is the links plane's; what was deleted stays, lest an old event bring it back.
record_links = sa.Table(
    "record_links",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("link_id", sa.Uuid, primary_key=True),
    sa.Column("outward", sa.Boolean, primary_key=True),  # this end is the source
    sa.Column("link_type_id", sa.Uuid, nullable=False),
    sa.Column("record_id", sa.Uuid, nullable=False),
    sa.Column("other_id", sa.Uuid, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Index(
        "ix_record_links_ends",
        "workspace_id",
        "link_type_id",
        "outward",
        "record_id",
        "other_id",
        postgresql_where=sa.text("live"),
    ),
)
record_link_states = sa.Table(
    "record_link_states",
    metadata,
    sa.Column("workspace_id", sa.Uuid, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, server_default="building"),
    sa.Column("after_id", sa.Uuid),  # how far the build has come, or the comparison
    time_column("check_time"),  # when the last step, or comparison, began or ended
    sa.CheckConstraint("state IN ('building', 'ready')", name="state"),
)

common_tables(metadata)
