"""Collect metadata that a call's answer carries, from wherever it is known."""

from contextvars import ContextVar

_trailers: ContextVar[list[tuple[str, str]] | None] = ContextVar("trailers", default=None)


def begin() -> list[tuple[str, str]]:
    collected: list[tuple[str, str]] = []
    _trailers.set(collected)
    return collected


def add(key: str, value: str) -> None:
    collected = _trailers.get()
    if collected is not None:
        collected.append((key, value))
