"""Apply a JSON merge patch (RFC 7396) to a link's attributes."""

from collections.abc import Mapping
from typing import Any


def merged(document: Any, patch: Any) -> Any:
    """The document after the patch: null removes, objects merge, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
