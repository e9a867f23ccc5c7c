"""Connect Alembic to the schema that `kit.migrations` names."""

from alembic import context
from sqlalchemy import create_engine, pool, text

cfg = context.config
schema = cfg.attributes["schema"]

with create_engine(cfg.attributes["url"], poolclass=pool.NullPool).connect() as c:
    c.execute(text("SET lock_timeout = '4s'"))
    c.execute(text("SET statement_timeout = '120s'"))
    c.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    c.execute(text(f"SET search_path TO {schema}"))
    c.commit()
    c.dialect.default_schema_name = schema
    context.configure(
        connection=c,
        target_metadata=cfg.attributes["metadata"],
        transaction_per_migration=True,
        compare_server_default=True,
        include_object=cfg.attributes["include_object"],
    )
    with context.begin_transaction():
        context.run_migrations()
    c.commit()
