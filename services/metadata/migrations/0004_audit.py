"""Create the audit log, the uses of API keys, and feature flags."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kit import migrations
from kit.tables import time_column

revision = "0004"
down_revision = "0003"

_OURS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid"
_TEXTS = ("actor_kind", "actor_id", "actor_name", "action", "target_kind", "target_id")
_MORE = ("reason", "permission", "method")
_ORIGIN = ("request_id", "trace_id", "ip", "peer", "user_agent")


def _texts(*names: str) -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            primary_key=True,
            server_default=sa.func.now(),
        ),
        sa.Column("entry_id", sa.Uuid, primary_key=True),
        *_texts(*_TEXTS),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        sa.Column("metadata_version", sa.BigInteger, nullable=False),
        *_texts(*_MORE),
        sa.Column("count", sa.BigInteger, nullable=False),
        time_column("first_time"),
        *_texts(*_ORIGIN),
        postgresql_partition_by="RANGE (create_time)",
    )
    for name in ("actor", "action", "target"):
        column = name if name == "action" else f"{name}_id"
        op.create_index(
            f"ix_audit_log_{name}",
            "audit_log",
            ["workspace_id", column, "create_time", "entry_id"],
        )
    op.create_table(
        "key_uses",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("api_key_id", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("plane", sa.Text, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        time_column("last_used_time"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_table(
        "flags",
        sa.Column("workspace_id", sa.Uuid, primary_key=True),
        sa.Column("flag_id", sa.Uuid, primary_key=True),
        *_texts("key", "environment", "type"),
        sa.Column("value", JSONB, nullable=False),
        sa.Column("rollout_percentage", sa.SmallInteger, nullable=False),
        *_texts("reason"),
        sa.Column("operator", JSONB, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        time_column("create_time"),
        time_column("update_time"),
        sa.UniqueConstraint("workspace_id", "key", "environment", name="uq_flags_key"),
    )
    migrations.secure("metadata", ["flags", "key_uses"])
    _keep_for_ever()
    _monthly_partitions("audit_log")
    _monthly_partitions("key_uses")


def _keep_for_ever() -> None:
    """Rows can be added and read. No policy lets anybody change one, and who tries hears of it."""
    op.execute("ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit_log FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY reading ON audit_log FOR SELECT USING ({_OURS})")
    op.execute(f"CREATE POLICY adding ON audit_log FOR INSERT WITH CHECK ({_OURS})")
    op.execute(
        "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';"
        " END $$"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()"
    )


def _monthly_partitions(table: str) -> None:
    """As kit.migrations.daily_partitions, for what is kept for a year and more: by month. The name
    is that of the month's first day; no statement makes more partitions than there are months."""
    op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    op.execute(f"ALTER TABLE {table}_default ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table}_default FORCE ROW LEVEL SECURITY")
    op.execute(
        f"""
CREATE FUNCTION {table}_maintain(keep_days int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE month date; part text; dropped int := 0;
BEGIN
  FOR month IN SELECT (date_trunc('month', current_date) + make_interval(months => n))::date
               FROM generate_series(0, 1) AS n LOOP
    part := '{table}_p' || to_char(month, 'YYYYMMDD');
    IF to_regclass(part) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE TABLE %I PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)',
                       part, month, (month + interval '1 month')::date);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
      EXCEPTION WHEN check_violation OR duplicate_table THEN NULL;
      END;
    END IF;
  END LOOP;
  FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = '{table}'::regclass AND c.relname ~ '_p[0-9]{{8}}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') + interval '1 month'
                  < current_date - keep_days LOOP
    EXECUTE format('DROP TABLE %I', part);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$"""
    )
    op.execute(f"SELECT {table}_maintain(36500)")
