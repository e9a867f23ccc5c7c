"""Join JSON filter documents by `and` without nesting them deeper than they need."""

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]


def conjunction(documents: Sequence[Document]) -> Document:
    """One document that means all of them, in their order; its tree is the `and` of their trees.

    Documents of one entry become entries of one object where their keys allow it, so that
    `a and b` is as deep as `{"a": ..., "b": ...}`."""
    joined: Document = {}
    for document in documents:
        (key, value), *more = document.items()
        if more or (_is_condition(key, value) and len(value) > 1):
            key, value = "and", [document]  # an `and` of its own keeps its shape
        if key not in joined:
            joined[key] = dict(value) if _is_condition(key, value) else value
        elif _is_condition(key, value) and key == next(reversed(joined)):
            if joined[key].keys() & value.keys():
                return {"and": list(documents)}
            joined[key] |= value
        else:
            return {"and": list(documents)}
    return joined


def _is_condition(key: str, value: Any) -> bool:
    return key not in ("and", "or", "not") and isinstance(value, dict)
