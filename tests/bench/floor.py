"""The floor: the same work by hand-written SQL on a plain table with the perfect indexes."""

import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.bench import data

Work = Callable[[int], Awaitable[None]]

_TABLE = """
DROP SCHEMA IF EXISTS bench_floor CASCADE;
CREATE SCHEMA bench_floor;
CREATE TABLE bench_floor.deal (
  id uuid PRIMARY KEY, name text NOT NULL, stage text, amount bigint, close_date date,
  score int, active boolean, code text, company uuid, city text, notes text, quantity int,
  seen_at timestamptz, version bigint NOT NULL DEFAULT 1,
  create_time timestamptz NOT NULL DEFAULT now(), update_time timestamptz NOT NULL DEFAULT now());
CREATE TABLE bench_floor.deal_text (id uuid PRIMARY KEY, words tsvector, grams text[]);
CREATE TABLE bench_floor.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL);
"""
_INDEXES = """
CREATE INDEX ON bench_floor.deal (stage, amount DESC, id);
CREATE INDEX ON bench_floor.deal (amount DESC, id);
CREATE INDEX ON bench_floor.deal (stage, close_date);
CREATE INDEX ON bench_floor.deal (name);
CREATE INDEX ON bench_floor.deal (code);
CREATE INDEX ON bench_floor.deal (company);
INSERT INTO bench_floor.deal_text
  SELECT id, to_tsvector('simple', concat_ws(' ', name, code, city, notes)),
    ARRAY(SELECT DISTINCT substr(name, n, 3) FROM generate_series(1, length(name) - 2) AS n)
  FROM bench_floor.deal;
CREATE INDEX ON bench_floor.deal_text USING gin (words);
CREATE INDEX ON bench_floor.deal_text USING gin (grams);
ANALYZE bench_floor.deal;
ANALYZE bench_floor.deal_text;
"""
_COLUMNS = (
    "id, name, stage, amount, close_date, score, active, code, company, city, notes, quantity,"
    " seen_at"
)
_INSERT = f"INSERT INTO bench_floor.deal ({_COLUMNS}) VALUES ({', '.join(['%s'] * 13)})"


def load(url: str, records: list[tuple[UUID, dict[str, Any]]]) -> None:
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(_TABLE)
        copy = f"COPY bench_floor.deal ({_COLUMNS}) FROM STDIN"
        with c.cursor() as cursor, cursor.copy(copy) as sink:
            for id_, record in records:
                sink.write_row([id_, *record.values()])
        c.execute(_INDEXES)


class Floor:
    """Operations on one connection of its own."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], ids: list[UUID]) -> None:
        self._c, self._ids = connection, ids
        self._rng = random.Random(7)
        self._deep: dict[str, Any] = {}

    @classmethod
    async def open(cls, url: str, ids: list[UUID]) -> "Floor":
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        connection.prepare_threshold = 1
        return cls(connection, ids)

    async def close(self) -> None:
        await self._c.close()

    async def get(self, _: int) -> None:
        sql = f"SELECT {_COLUMNS} FROM bench_floor.deal WHERE id = %s"
        await (await self._c.execute(sql, [self._rng.choice(self._ids)])).fetchone()

    async def create(self, number: int) -> None:
        record = data.record(self._rng, number, [str(self._ids[0])])
        async with self._c.pipeline(), self._c.transaction():
            await self._c.execute(_INSERT, [uuid4(), *record.values()])
            await self._c.execute("INSERT INTO bench_floor.outbox (payload) VALUES (%s)", ["{}"])

    async def update(self, _: int) -> None:
        async with self._c.pipeline(), self._c.transaction():
            await self._c.execute(
                "UPDATE bench_floor.deal SET amount = %s, version = version + 1 WHERE id = %s",
                [self._rng.randrange(5_000_000), self._rng.choice(self._ids)],
            )
            await self._c.execute("INSERT INTO bench_floor.outbox (payload) VALUES (%s)", ["{}"])

    async def list(self, _: int) -> None:
        sql = (
            f"SELECT {_COLUMNS} FROM bench_floor.deal WHERE stage = %s"
            " ORDER BY amount DESC, id LIMIT 50"
        )
        await (await self._c.execute(sql, [self._rng.choice(data.STAGES)])).fetchall()

    async def batch(self, number: int) -> None:
        rows = [data.record(self._rng, number * 100 + n, [str(self._ids[0])]) for n in range(100)]
        async with self._c.pipeline(), self._c.transaction(), self._c.cursor() as cursor:
            await cursor.executemany(_INSERT, [[uuid4(), *row.values()] for row in rows])
            await self._c.execute("INSERT INTO bench_floor.outbox (payload) VALUES (%s)", ["{}"])

    async def page_200(self, _: int) -> None:
        stage = self._rng.choice(data.STAGES[:2])
        if stage not in self._deep:
            sql = (
                "SELECT amount, id FROM bench_floor.deal WHERE stage = %s"
                " ORDER BY amount DESC, id LIMIT 1 OFFSET %s"
            )
            row = await (await self._c.execute(sql, [stage, data.deep(len(self._ids))])).fetchone()
            assert row is not None
            self._deep[stage] = row
        amount, last = self._deep[stage]
        sql = (
            f"SELECT {_COLUMNS} FROM bench_floor.deal WHERE stage = %s AND amount <= %s"
            " AND (amount < %s OR id > %s) ORDER BY amount DESC, id LIMIT 50"
        )
        await (await self._c.execute(sql, [stage, amount, amount, last])).fetchall()

    async def range(self, _: int) -> None:
        stage, least = self._rng.choice(data.STAGES), self._rng.randrange(4_000_000)
        sql = (
            f"SELECT {_COLUMNS} FROM bench_floor.deal WHERE stage = %s AND amount BETWEEN %s AND %s"
            " ORDER BY amount DESC, id LIMIT 50"
        )
        await (await self._c.execute(sql, [stage, least, least + 500_000])).fetchall()

    async def expand(self, _: int) -> None:
        sql = (
            "SELECT d.id, d.name, d.stage, d.amount, d.close_date, f.name FROM bench_floor.deal d"
            " LEFT JOIN bench_floor.deal f ON f.id = d.company WHERE d.stage = %s"
            " ORDER BY d.amount DESC, d.id LIMIT 50"
        )
        await (await self._c.execute(sql, [self._rng.choice(data.STAGES)])).fetchall()

    async def count(self, number: int) -> None:
        await self.list(number)
        sql = "SELECT count(*) FROM bench_floor.deal WHERE stage = %s"
        await (await self._c.execute(sql, [self._rng.choice(data.STAGES)])).fetchall()

    async def aggregate(self, _: int) -> None:
        sql = "SELECT stage, count(*) FROM bench_floor.deal GROUP BY stage"
        await (await self._c.execute(sql)).fetchall()

    async def contains(self, _: int) -> None:
        needle = data.needle(self._rng, len(self._ids))
        sql = (
            f"SELECT {_COLUMNS} FROM bench_floor.deal_text JOIN bench_floor.deal USING (id)"
            " WHERE grams @> %s AND name LIKE %s ORDER BY name, id LIMIT 50"
        )
        await (await self._c.execute(sql, [data.trigrams(needle), f"%{needle}%"])).fetchall()

    async def search(self, _: int) -> None:
        first, last = data.words(self._rng, len(self._ids)).split()
        sql = (
            f"SELECT {_COLUMNS}, ts_rank(words, q) FROM bench_floor.deal_text"
            " JOIN bench_floor.deal USING (id), to_tsquery('simple', %s) AS q"
            " WHERE words @@ q ORDER BY ts_rank(words, q) DESC, id LIMIT 20"
        )
        await (await self._c.execute(sql, [f"{first} & {last}:*"])).fetchall()

    async def board(self, _: int) -> None:
        sql = "SELECT stage, count(*), sum(amount) FROM bench_floor.deal GROUP BY stage"
        await (await self._c.execute(sql)).fetchall()
        async with self._c.pipeline():
            cursors = [
                await self._c.execute(
                    f"SELECT {_COLUMNS} FROM bench_floor.deal WHERE stage = %s"
                    " ORDER BY amount DESC, id LIMIT 20",
                    [stage],
                )
                for stage in data.STAGES
            ]
            for cursor in cursors:
                await cursor.fetchall()
