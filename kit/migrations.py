"""Bring one service's schema up to date: its own Alembic history, no alembic.ini.

The owner role owns the tables; the service's role and its workers' role are granted what they need
after each upgrade. `secure` is what a migration calls on its new tables: row security forced, the
workspace's policy, and for queue tables a second policy for the workers' role.
"""

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

_PARTITION_DAYS_AHEAD = 3
_UNPUBLISHED = "published_at IS NULL"


def config(package: str, schema: str, url: str, metadata: sa.MetaData) -> Config:
    """Alembic's configuration for `services.<plane>`; `url` is the owner's."""
    cfg = Config()
    cfg.set_main_option("script_location", "kit:alembic")
    cfg.set_main_option("version_locations", str(files(package) / "migrations"))
    cfg.set_main_option("path_separator", "os")
    cfg.attributes["schema"] = schema
    cfg.attributes["url"] = sqlalchemy_url(url)
    cfg.attributes["metadata"] = metadata
    cfg.attributes["include_object"] = _is_ours
    return cfg


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _is_ours(_: Any, name: str | None, kind: str, reflected: bool, __: Any) -> bool:
    """Daily partitions come and go by themselves: no migration speaks of them."""
    return not (kind == "table" and reflected and re.search(r"_(p\d{8}|default)$", name or ""))


def upgrade(package: str, schema: str, url: str, metadata: sa.MetaData) -> None:
    """Run what is missing, then grant the roles what they need."""
    command.upgrade(config(package, schema, url, metadata), "head")
    with sa.create_engine(sqlalchemy_url(url), poolclass=sa.NullPool).begin() as c:
        # As it is today, also where an older release made it.
        c.execute(sa.text(f"SET LOCAL search_path TO {schema}"))
        c.execute(sa.text(_maintenance("outbox", _UNPUBLISHED)))
        roles = [f"armature_{schema}", f"armature_{schema}_worker"]
        known = sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)")
        for role in c.execute(known, {"names": roles}).scalars():
            c.execute(sa.text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
            c.execute(
                sa.text(
                    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}"
                    f" TO {role}"
                )
            )
            for table in metadata.sorted_tables:
                if table.info.get("append_only"):
                    _keep_rows(c, table.name, role)
            c.execute(sa.text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"))
            c.execute(sa.text(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}"))


def _keep_rows(c: sa.Connection, table: str, role: str) -> None:
    """Leave the role nothing but to read and to add, in the table and its partitions."""
    parts = sa.text(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:t AS regclass)"
    )
    for name in [table, *c.execute(parts, {"t": table}).scalars()]:
        c.execute(sa.text(f"REVOKE UPDATE, DELETE ON {name} FROM {role}"))


def is_current(package: str, schema: str, url: str, metadata: sa.MetaData) -> bool:
    """Whether the schema is at least at this code's version; services wait for it."""
    script = ScriptDirectory.from_config(config(package, schema, url, metadata))
    engine = sa.create_engine(sqlalchemy_url(url), poolclass=sa.NullPool)
    with engine.connect() as c:
        c.execute(sa.text(f"SET search_path TO {schema}"))
        present = MigrationContext.configure(c).get_current_revision()
    return present is not None and present >= (script.get_current_head() or "")


def secure(schema: str, tables: Iterable[str], *, queues: Iterable[str] = ()) -> None:
    """Bind `tables` to their workspace; let workers see all rows of `queues` among them.

    A worker's transaction without a workspace sees the queues alone; one with a workspace sees what
    the service sees.
    """
    waiting = set(queues)
    ours = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::uuid"
    worker = f"armature_{schema}_worker"
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")  # the owner is bound too
        op.execute(f"CREATE POLICY workspace ON {table} USING ({ours}) WITH CHECK ({ours})")
        if table in waiting:
            op.execute(
                f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{worker}') THEN"
                f" CREATE POLICY workers ON {table} TO {worker} USING (true) WITH CHECK (true);"
                " END IF; END $$"
            )


def common(schema: str) -> None:
    """What each first migration does for the tables of kit, after creating them."""
    secure(
        schema,
        ["outbox", "idempotency_keys", "inbox"],
        queues=["outbox", "idempotency_keys", "inbox"],
    )
    op.execute(
        "INSERT INTO outbox_leases (partition, expires_at)"
        " SELECT n, '-infinity' FROM generate_series(0, 15) AS n"
    )
    daily_partitions("outbox", keep_while=_UNPUBLISHED)


def daily_partitions(table: str, *, keep_while: str = "false") -> None:
    """A function that makes the partitions of the next days and drops those past their time, run
    by workers under the owner's rights; and a default partition so that no write ever fails.

    A partition with a row for which `keep_while` holds is never dropped.
    """
    op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    op.execute(f"ALTER TABLE {table}_default ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table}_default FORCE ROW LEVEL SECURITY")
    op.execute(_maintenance(table, keep_while))
    op.execute(f"SELECT {table}_maintain(36500)")


def _maintenance(table: str, keep_while: str) -> str:
    # The owner is bound by row security as well and would see no row to keep: it is let through on
    # the one partition whose time is over, which is locked until the function ends.
    return f"""
CREATE OR REPLACE FUNCTION {table}_maintain(keep_days int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE day date; part text; dropped int := 0; held boolean;
BEGIN
  FOR day IN SELECT current_date + n FROM generate_series(0, {_PARTITION_DAYS_AHEAD}) AS n LOOP
    part := '{table}_p' || to_char(day, 'YYYYMMDD');
    IF to_regclass(part) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE TABLE %I PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)',
                       part, day, day + 1);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
      EXCEPTION WHEN check_violation OR duplicate_table THEN NULL;
      END;
    END IF;
  END LOOP;
  FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = '{table}'::regclass AND c.relname ~ '_p[0-9]{{8}}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - keep_days LOOP
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE {keep_while})', part) INTO held;
    IF held THEN
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', part);
    ELSE
      EXECUTE format('DROP TABLE %I', part);
      dropped := dropped + 1;
    END IF;
  END LOOP;
  RETURN dropped;
END $$"""
