"""Send several writes as one statement, which costs the driver and Postgres a fraction of it.

All of them see what was there before the first: none may read, or write again, what another of them
writes. The first runs first, so that of several constraints that are violated its own is reported,
and the others in any order. What a transaction has collected goes out before its next statement, or
before it commits.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

Params: TypeAlias = Mapping[str, Any] | Sequence[Any] | None
_PARAMETER = re.compile(r"%(?:\((\w+)\))?s")
_SHARED = "workspace"  # a parameter of this name is the same in all statements of a transaction

_Place = tuple[int, str | int]  # a statement, and the name or number of its parameter


class Bundle:
    """What is collected. No statement may begin with WITH."""

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._params: list[Any] = []
        self._lists: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._statements)

    def appends_to(self, name: str) -> bool:
        """Whether a statement that appends to the list of that name is here already: another one
        has to go out behind it, since those of one bundle run in no order."""
        return name in self._lists

    def add(self, sql: str, params: Params, appends_to: str = "") -> None:
        """A statement with %(name)s or %s parameters."""
        self._lists.add(appends_to)
        self._statements.append(sql)
        self._params.append(params or ())

    def take(self) -> tuple[str, list[Any]]:
        """All of it as one statement with parameters $1, $2 and so on, and empty from now on."""
        sql, places = joined(tuple(self._statements))
        values = [self._params[number][key] for number, key in places]
        self._statements, self._params, self._lists = [], [], set()
        return sql, values


@lru_cache(maxsize=1000)
def joined(statements: tuple[str, ...]) -> tuple[str, list[_Place]]:
    """One statement with parameters $1, $2 and so on, and what each of them is."""
    numbers: dict[_Place, int] = {}
    first, *others = (_numbered(sql, number, numbers) for number, sql in enumerate(statements))
    if others:
        parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(others))
        first = f"WITH {parts} {first}"
    return first, list(numbers)


def _numbered(sql: str, number: int, numbers: dict[_Place, int]) -> str:
    """The statement with parameters counted on from those that have a number."""
    places = iter(range(len(sql)))

    def named(found: re.Match[str]) -> str:
        place: _Place = (number, found[1] or next(places))
        if found[1] == _SHARED:
            place = next((p for p in numbers if p[1] == _SHARED), place)
        return f"${numbers.setdefault(place, len(numbers) + 1)}"

    return _PARAMETER.sub(named, sql)
