"""Tell which changes of a field would need its data rewritten or looked at."""

from typing import Any

from schema.field_types.refusals import join
from schema.field_types.settings import resolved_settings
from schema.model import Field, FieldType
from schema.problems import Problem

_UP = {"max_length", "max", "precision", "max_files", "decimals"}  # may grow, or go away
_DOWN = {"min"}
_DATA = "records may hold values that it would refuse, and no job looks at them yet"


def unsupported_changes(old: Field, new: Field, path: str) -> list[Problem]:
    """A CHANGE_UNSUPPORTED for each change that existing data stands in the way of."""
    found: list[Problem] = []

    def note(part: str, message: str) -> None:
        found.append(Problem(join(path, part), "CHANGE_UNSUPPORTED", message))

    if new.name != old.name:
        note("name", "a field keeps its name; change the label instead")
    for part in ("required", "unique"):
        if getattr(new, part) and not getattr(old, part):
            note(part, f"an existing field can't be made {part}: {_DATA}")
    if new.indexed != old.indexed:
        note("indexed", "an existing field keeps its index, or its lack of one")
    _compare_settings(old, new, note)
    _compare_options(old, new, note)
    return found


def _compare_settings(old: Field, new: Field, note: Any) -> None:
    was = resolved_settings(old.type, old.settings)
    now = resolved_settings(new.type, new.settings)
    for name, before in was.items():
        after = now[name]
        if after != before and not _widens(old, name, before, after):
            note(f"settings.{name}", f"{name} can't go from {_said(before)} to {_said(after)}: "
                 + _why(name))  # fmt: skip


def _why(name: str) -> str:
    if name in {"scale", "targets", "integer"}:
        return "values are stored in another form then, and no job rewrites them yet"
    if name == "expression":
        return "no job computes the values anew yet"
    return _DATA


def _said(value: Any) -> str:
    return "none" if value is None else repr(value)


def _widens(field: Field, name: str, before: Any, after: Any) -> bool:
    if name in _UP:
        return after is None or (before is not None and after >= before)
    if name in _DOWN:
        return after is None or (before is not None and after <= before)
    match name:
        case "pattern":
            return after is None
        case "integer":
            return before is True
        case "case_insensitive":
            return not field.unique
        case "targets":
            return len(before) > 1 and set(before) <= set(after)
        case "inverse_name":
            return True
    return False


def _compare_options(old: Field, new: Field, note: Any) -> None:
    if old.type not in {FieldType.SELECT, FieldType.MULTI_SELECT}:
        return
    now = {option.id: option for option in new.options}
    for option in old.options:
        kept = now.get(option.id)
        if kept is None:
            note("options", f"the option {option.value!r} can't be removed: records may hold it, "
                 "and no job clears or reassigns them yet")  # fmt: skip
        elif kept.value != option.value:
            message = f"the option {option.value!r} keeps its value; change its label instead"
            note(f"options.{kept.position}.value", message)
