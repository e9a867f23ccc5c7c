"""Check how statements become one."""

from kit.bundle import joined


def test_statements_become_one_with_parameters_of_their_own() -> None:
    sql, places = joined(
        (
            "INSERT INTO a VALUES (%(workspace)s, %(x)s, %(x)s)",
            "DELETE FROM b WHERE w = %s AND x = ANY(%s)",
            "INSERT INTO c VALUES (%(x)s, %(workspace)s)",
        )
    )
    assert sql == (
        "WITH w0 AS (DELETE FROM b WHERE w = $3 AND x = ANY($4)),"
        " w1 AS (INSERT INTO c VALUES ($5, $1)) INSERT INTO a VALUES ($1, $2, $2)"
    )
    assert places == [(0, "workspace"), (0, "x"), (1, 0), (1, 1), (2, "x")]


def test_one_statement_stays_what_it_is() -> None:
    assert joined(("SELECT %s",)) == ("SELECT $1", [(0, 0)])
