"""Read a message as the JSON form of a definition: what is set, or exactly what a mask names."""

from collections.abc import Mapping, Sequence
from typing import Any

from schema.field_types.refusals import Problems, listing
from schema.jsonio import loads_exact
from schema.problems import Invalid, Problem, nearest


def chosen(
    full: Mapping[str, Any], is_set: Mapping[str, bool], paths: Sequence[str]
) -> dict[str, Any]:
    """What an update names: the paths of its mask, or without one whatever is set.

    Paths are the API's names; `settings_json` and the like are taken as well.
    """
    if not paths:
        return {name: value for name, value in full.items() if is_set[name]}
    problems = Problems()
    found: dict[str, Any] = {}
    for path in paths:
        name = path.removesuffix("_json")
        if name in full:
            found[name] = full[name]
            continue
        message = f"there is no {path!r}{nearest(path, full)}; allowed: {listing(full)}"
        problems.add("update_mask", "UNKNOWN_FIELD", message)
    problems.raise_any()
    return found


def document(raw: bytes, path: str, empty: Any) -> Any:
    """The JSON that a bytes field carries; `empty` for none."""
    if not raw:
        return empty
    try:
        return loads_exact(raw)
    except Invalid as exc:
        inner = [
            Problem(f"{path}.{p.path}" if p.path else path, p.code, p.message) for p in exc.problems
        ]
        raise Invalid(inner) from None
