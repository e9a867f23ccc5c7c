"""The platform's database and the roles that log in to it: made, or brought up to date."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from cli.stack.credentials import OWNER, SUPERUSER
from cli.stack.errors import StackError


def provision(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make the roles, and let them into the database of `admin_url`.

    `armature_owner` owns what migrations make; every other role starts with nothing but the right
    to connect, and is granted the rest by its plane's migrations. Repeating it changes nothing.
    """
    try:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            _make_roles(connection, passwords)
            _open_database(connection, [role for role in passwords if role != SUPERUSER])
    except psycopg.Error as exc:
        raise StackError(
            f"cannot make the platform's roles in {shown(admin_url)}: {str(exc).strip()}. "
            "The login must be allowed to create roles."
        ) from exc


def make_database(admin_url: str, name: str) -> str:
    """Make a database beside the one of `admin_url` unless it exists; its URL."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if not found.fetchall():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))


def login(admin_url: str, role: str, password: str) -> str:
    """The URL of the same database for another role."""
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))


def shown(url: str) -> str:
    """A URL without its password, for messages."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


def _make_roles(
    connection: psycopg.Connection[tuple[object, ...]], passwords: Mapping[str, str]
) -> None:
    found = connection.execute("SELECT rolname FROM pg_roles").fetchall()
    existing = {row[0] for row in found}
    for role, password in passwords.items():
        if role == SUPERUSER:
            continue
        verb = "ALTER" if role in existing else "CREATE"
        statement = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
        connection.execute(
            statement.format(sql.SQL(verb), sql.Identifier(role), sql.Literal(password))
        )


def _open_database(connection: psycopg.Connection[tuple[object, ...]], roles: list[str]) -> None:
    database = sql.Identifier(connection.info.dbname)
    names = sql.SQL(", ").join(map(sql.Identifier, roles))
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {roles}",
        "GRANT CREATE ON DATABASE {database} TO {owner}",
    ):
        connection.execute(
            sql.SQL(statement).format(database=database, roles=names, owner=sql.Identifier(OWNER))
        )
