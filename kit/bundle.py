"""Send several writes as one statement, which costs the driver and Postgres a fraction of it.

All of them see what was there before the first: none may read, or write again, what another of them
writes. The first runs first, so that of several constraints that are violated its own is reported.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from kit.db import Params, Tx

_PARAMETER = re.compile(r"%(?:\((\w+)\))?s")


class Bundle:
    """Collects what is sent to it, for `flush`. No statement may begin with WITH."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._statements: list[str] = []
        self._params: dict[str, Any] = {}
        self.violations = tx.violations

    async def send(self, sql: str, params: Params = None) -> None:
        """Add a statement with %(name)s or %s parameters."""
        number = len(self._statements)
        self._statements.append(sql)
        named = params if isinstance(params, Mapping) else dict(enumerate(params or ()))
        for name, value in named.items():
            self._params[f"p{number}_{name}"] = value

    def wake_relay(self) -> None:
        self._tx.wake_relay()

    async def flush(self) -> None:
        """Send what was collected, without a wait for it."""
        if self._statements:
            await self._tx.send(_joined(tuple(self._statements)), self._params)
            self._statements, self._params = [], {}


@lru_cache(maxsize=1000)
def _joined(statements: tuple[str, ...]) -> str:
    first, *others = (_numbered(sql, number) for number, sql in enumerate(statements))
    if not others:
        return first
    parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(others))
    return f"WITH {parts} {first}"


def _numbered(sql: str, number: int) -> str:
    """Its parameters under names of its own."""
    places = iter(range(len(sql)))

    def named(found: re.Match[str]) -> str:
        return f"%(p{number}_{found[1] or next(places)})s"

    return _PARAMETER.sub(named, sql)
