"""Each plane's migrations build exactly the tables that its code describes."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cli.stack import planes, roles
from cli.stack.servers import Started
from kit import migrations

ROOT = Path(planes.__file__).resolve().parents[2]
PRESENT = planes.present(ROOT)


def tables_of(plane: str) -> sa.MetaData:
    found: sa.MetaData = importlib.import_module(f"services.{plane}.tables").metadata
    return found


@pytest.fixture(scope="module")
def empty_database(servers: Started) -> Iterator[str]:
    """The owner's URL of a database with nothing in it."""
    admin = servers["postgres"]["url"]
    url = roles.make_database(admin, "migrations")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT CREATE, CONNECT ON DATABASE migrations TO armature_owner")
    owner = servers["postgres"]["roles"]["armature_owner"]
    yield owner.rpartition("/")[0] + "/migrations"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE migrations WITH (FORCE)")


@pytest.mark.parametrize("plane", PRESENT)
def test_migrations_build_the_tables_of_the_code(plane: str, empty_database: str) -> None:
    tables = tables_of(plane)
    arguments = (f"services.{plane}", plane, empty_database, tables)
    migrations.upgrade(*arguments)
    migrations.upgrade(*arguments)  # twice is once
    assert migrations.is_current(*arguments)
    engine = sa.create_engine(migrations.sqlalchemy_url(empty_database), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"SET search_path TO {plane}"))
        connection.dialect.default_schema_name = plane
        options = {
            "compare_server_default": True,
            "include_object": migrations.config(*arguments).attributes["include_object"],
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables) == []


@pytest.mark.parametrize("plane", PRESENT)
def test_every_table_of_a_workspace_leads_with_it_and_is_bound_to_it(
    plane: str, empty_database: str
) -> None:
    tables = tables_of(plane)
    migrations.upgrade(f"services.{plane}", plane, empty_database, tables)
    with psycopg.connect(empty_database) as connection:
        rows = connection.execute(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c"
            " WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p')",
            [plane],
        ).fetchall()
    forced: dict[str, bool] = dict(rows)
    for table in tables.sorted_tables:
        if "workspace_id" not in table.columns:
            continue
        assert next(iter(table.primary_key.columns)).name == "workspace_id", table.name
        assert forced[table.name], table.name
