"""Choose the piece of a record's text that shows best why it was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schema.fold import fold
from schema.model import Field
from services.records.logic.search import MAX_WORD, WORD, texts

_BEFORE, _LENGTH = 40, 160


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a field's text, and the stretches of it that match."""

    field: str
    text: str
    matches: tuple[tuple[int, int], ...]


def best(
    fields: Sequence[Field], document: Mapping[str, Any], words: Sequence[str]
) -> Snippet | None:
    """Of the text with the most different words; of equal ones the first. `document` by name."""
    found: Snippet | None = None
    most = 0
    for field in fields:
        value = document.get(field.name)
        for text in texts(field, value) if value is not None else ():
            seen, matches = _matches(text, words)
            if len(seen) > most:
                most, found = len(seen), _cut(field.name, text, matches)
    return found


def _matches(text: str, words: Sequence[str]) -> tuple[set[str], list[tuple[int, int]]]:
    """Which of the words stand in the text, and where; the last one as a beginning."""
    *whole, beginning = words
    seen: set[str] = set()
    places = []
    for match in WORD.finditer(text):
        # A fold may hold several words where the text has one: ½ is a 1 and a 2.
        folded = [w[:MAX_WORD] for w in WORD.findall(fold(match[0]))]
        hits = {w for w in whole if w in folded}
        if any(w.startswith(beginning) for w in folded):
            hits.add(beginning)
        if hits:
            seen |= hits
            places.append(match.span())
    return seen, places


def _cut(name: str, text: str, matches: Sequence[tuple[int, int]]) -> Snippet:
    start = max(0, matches[0][0] - _BEFORE)
    piece = text[start : start + _LENGTH]
    inside = [(a - start, min(b - start, len(piece))) for a, b in matches if a - start < len(piece)]
    return Snippet(name, piece, tuple(inside))
