"""Fold field changes of one actor on one record: the first before, the last after."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

WINDOW = timedelta(minutes=5)
_LARGE = 4096  # characters of JSON that a timeline shows of one value

Changes = dict[str, dict[str, Any]]
Versions = dict[str, list[int]]  # first and last by field


def changes(before: Mapping[str, Any], after: Mapping[str, Any], names: list[str]) -> Changes:
    """What an event changed, as a timeline shows it."""
    return {
        name: {"before": _shown(before.get(name)), "after": _shown(after.get(name))}
        for name in names
    }


def _shown(value: Any) -> Any:
    """The value, or that it is too large to stand in a timeline."""
    return {"$large": True} if len(repr(value)) > _LARGE else value


def folded(
    present: Changes, versions: Versions, new: Mapping[str, Mapping[str, Any]], version: int
) -> tuple[Changes, Versions]:
    """Both together, whatever the order they come in; the same event again changes nothing."""
    result = {name: dict(change) for name, change in present.items()}
    spans = {name: list(span) for name, span in versions.items()}
    for name, change in new.items():
        if name not in result:
            result[name], spans[name] = dict(change), [version, version]
            continue
        first, last = spans[name]
        if version < first:
            result[name]["before"], spans[name][0] = change["before"], version
        if version > last:
            result[name]["after"], spans[name][1] = change["after"], version
    return result, spans
