"""Collect everything that is wrong with a request, so that it is reported at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, a stable code, and a sentence saying what is allowed."""

    path: str  # dotted, as the caller wrote it: fields.amount.currency_code, filter.stage.in
    code: str  # UPPER_SNAKE, stable: client code branches on it
    message: str


class Invalid(Exception):
    """A value, filter or definition that is refused; `problems` is never empty."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in problems))
        self.problems = problems


def refuse(path: str, code: str, message: str) -> Invalid:
    """One problem as an exception: `raise refuse(...)`."""
    return Invalid([Problem(path, code, message)])


def nearest(name: str, known: Iterable[str]) -> str:
    """A half-sentence with the nearest known name, or nothing: "; did you mean 'stage'?"."""
    match = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {str(match[0])!r}?" if match else ""
