"""However a document is cut into pieces, its rows are the same; cells come back as they were."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.records.logic import intake, tabular

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)
tables = st.lists(st.lists(cells, min_size=2, max_size=3).filter(any), min_size=1, max_size=6)


def taken(document: bytes, size: int, *, is_csv: bool = True) -> list[intake.Row]:
    rows: list[intake.Row] = []
    layout, lines, rest = None, 0, b""
    pieces = [document[at : at + size] for at in range(0, len(document), size)] or [b""]
    for n, piece in enumerate(pieces, 1):
        found = intake.take(
            rest + piece, is_csv=is_csv, layout=layout, lines=lines, last=n == len(pieces)
        )
        rows += found.rows
        layout, lines, rest = found.layout, lines + found.lines, found.rest
    assert rest == b""
    return [(line, raw) for block in intake.blocks(rows) for line, raw in intake.rows_of(block)]


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(1, 12))
def test_pieces_of_any_size_make_the_same_rows(table: list[list[str]], size: int) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b", "c"], *table])
    document = out.getvalue().encode()
    whole = taken(document, len(document))
    assert [row for _, row in whole] == table
    assert taken(document, size) == whole


def test_lines_are_those_of_the_document() -> None:
    document = b'\xef\xbb\xbfa;b\n\n"1\n2";x\n3;"\n"'
    for size in (1, 2, 5, 100):
        assert taken(document, size) == [(3, ["1\n2", "x"]), (5, ["3", "\n"])]
    assert taken(b'{"a":1}\n\n{"b":2}', 3, is_csv=False) == [(1, '{"a":1}'), (3, '{"b":2}')]


def test_a_row_that_never_ends_is_refused() -> None:
    with pytest.raises(intake.Unreadable, match="larger than 1 MiB"):
        taken(b'a,b\n"' + b"x" * (2 * intake.MAX_ROW), 100_000)


@given(st.text(max_size=8) | st.from_regex(r"'?'?[=+\-@\t]?[0-9.]*", fullmatch=True))
def test_a_guarded_text_comes_back(text: str) -> None:
    guarded = tabular.guard(text)
    assert tabular.unguard(guarded) == text
    assert guarded[:1] not in set("=@\t\r")
