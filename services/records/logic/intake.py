"""Cut what arrives of an import into rows; a row that is not whole yet waits for the next piece."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from services.records.model import Layout

MAX_ROW = 1024 * 1024
BLOCK = 1000  # rows worked off in one transaction
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t|"

# A row as it is staged: its line, and its cells or its JSON text; None for what is not UTF-8.
Row = tuple[int, Any]

_blocks = msgspec.json.Decoder(list[tuple[int, Any]])


class Unreadable(ValueError):
    """The content is not what it is said to be, from some line on."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a piece has given: whole rows, how many lines they took, and what is left over."""

    rows: list[Row]
    lines: int
    rest: bytes
    layout: Layout | None


def take(content: bytes, *, is_csv: bool, layout: Layout | None, lines: int, last: bool) -> Taken:
    """The whole rows of `content`, of which `lines` lines went before."""
    if lines == 0:
        content = content.removeprefix(_BOM)
    if last and content and not content.endswith(b"\n"):
        content += b"\n"
    end = content.rfind(b"\n") + 1
    text, sane = _decoded(content[:end])
    rest = content[end:]
    found = (
        _csv_rows(text, rest, layout, lines, last=last) if is_csv else _json_rows(text, rest, lines)
    )
    if len(found.rest) > MAX_ROW:
        raise Unreadable(f"the row at line {lines + found.lines + 1} is larger than 1 MiB")
    if not sane:
        rows = [(line, cells if _is_sane(cells) else None) for line, cells in found.rows]
        return Taken(rows, found.lines, found.rest, found.layout)
    return found


def _decoded(content: bytes) -> tuple[str, bool]:
    try:
        return content.decode(), True
    except UnicodeDecodeError:
        return content.decode(errors="surrogateescape"), False


def _is_sane(cells: Any) -> bool:
    try:
        ("".join(cells)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(text: str, rest: bytes, layout: Layout | None, lines: int, *, last: bool) -> Taken:
    """The last row may go on in the next piece, so it waits, unless there is none."""
    physical = text.splitlines(keepends=True) if "\r" not in text else _lines(text)
    if layout is None and physical:
        delimiter = _delimiter(physical[0])
    else:
        delimiter = layout.delimiter if layout is not None else ","
    reader = csv.reader(physical, delimiter=delimiter)
    rows: list[Row] = []
    starts: list[int] = []  # of each row, counted in lines of this piece
    begin = 0
    try:
        for cells in reader:
            if cells and any(cells):
                rows.append((lines + begin + 1, cells))
                starts.append(begin)
            begin = reader.line_num
    except csv.Error as exc:
        raise Unreadable(f"line {lines + begin + 1}: {exc}") from None
    used = len(physical)
    if not last and rows:
        used = starts[-1]
        rows.pop()
        rest = "".join(physical[used:]).encode(errors="surrogateescape") + rest
    if layout is None and rows:
        layout = Layout(delimiter, tuple(rows.pop(0)[1]))
    return Taken(rows, used, rest, layout)


def _lines(text: str) -> list[str]:
    """Lines that end in LF or CR LF; CR alone ends lines where there is no LF in the whole."""
    return [line + "\n" for line in text.removesuffix("\n").split("\n")] if text else []


def _delimiter(line: str) -> str:
    counts = {d: line.count(d) for d in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda d: counts[d])
    return best if counts[best] else ","


def _json_rows(text: str, rest: bytes, lines: int) -> Taken:
    physical = text.split("\n")[:-1]
    rows: list[Row] = [(lines + n, line) for n, line in enumerate(physical, 1) if line.strip()]
    return Taken(rows, len(physical), rest, Layout("", ()))


def blocks(rows: Sequence[Row]) -> Iterator[bytes]:
    """The rows as they are staged."""
    for at in range(0, len(rows), BLOCK):
        yield msgspec.json.encode(rows[at : at + BLOCK])


def rows_of(block: bytes) -> list[Row]:
    return _blocks.decode(block)


csv.field_size_limit(MAX_ROW)
