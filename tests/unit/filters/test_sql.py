"""The SQL is composed of constants and parameters; what it selects is tested on Postgres."""

import re

import pytest

from schema.filters.columns import Params
from schema.filters.parse_json import parse
from schema.filters.sql import Dialect, compile_sql
from schema.filters.tree import Hop
from schema.problems import Invalid
from tests.unit.filters.cases import CASES, COMPANIES, CTX, DEALS, WORLD, Case

_WORDS = re.compile(r"[A-Za-z_]{4,}")
# What the SQL may say: our columns, functions and types. No field, key or operand among them.
_OURS = {
    *("LIKE", "BETWEEN", "EXISTS", "SELECT", "FROM", "WHERE", "NULL", "TRUE", "CASE", "WHEN"),
    *("THEN", "COLLATE", "array", "boolean", "coalesce", "text", "jsonb", "jsonpath", "number"),
    *("jsonb_typeof", "jsonb_path_query_array", "array_position", "lower", "rtrim", "numeric"),
    *("integer", "uuid", "timestamptz", "records", "folds", "workspace_id", "record_id"),
    *("object_id", "create_time", "update_time", "delete_time", "created_by", "updated_by"),
    *("version", "position", "CROSS", "JOIN", "LATERAL", "OFFSET"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.filter))
def test_names_and_operands_are_parameters(case: Case) -> None:
    fragment = compile_sql(parse(WORLD, DEALS, case.filter), CTX)

    bare = re.sub(r"%\(p\d+\)s", "", fragment.text)
    assert "%" not in bare
    assert set(_WORDS.findall(bare)) <= _OURS
    assert set(re.findall(r"%\((p\d+)\)s", fragment.text)) == fragment.params.keys()


def test_fragments_share_their_parameters() -> None:
    params = Params("x")
    one = compile_sql(parse(WORLD, DEALS, {"title": "a"}), CTX, params=params)
    two = compile_sql(parse(WORLD, DEALS, {"title": "b"}), CTX, params=params)

    assert one.params is two.params
    assert list(params.values.values()) == ["name", "a", "name", "b"]
    assert "%(x3)s" in two.text


def test_no_filter_is_true() -> None:
    assert compile_sql(None, CTX).text == "true"


def test_a_plane_says_where_links_lead() -> None:
    tree = parse(WORLD, COMPANIES, {"allies": {"some": {"name": "x"}}})

    def linked(hop: Hop, outer: str, params: Params) -> str:
        return f"SELECT id FROM linked({outer}.record_id, {params.text(hop.link_type_id)})"

    fragment = compile_sql(tree, CTX, Dialect(table="live", row="c", linked=linked))
    assert "FROM live AS c1" in fragment.text
    assert "(SELECT id FROM linked(c.record_id, %(p0)s::text) OFFSET 0) AS c1i" in fragment.text
    with pytest.raises(Invalid, match="links cannot be followed"):
        compile_sql(tree, CTX)
