"""Tell which changes of a field need its data looked at or rewritten, and which no job can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schema.conversions import allowed
from schema.field_types.refusals import join, listing
from schema.field_types.settings import resolved_settings
from schema.model import Field, FieldType
from schema.problems import Problem

_UP = {"max_length", "max", "precision", "max_files", "decimals"}  # may grow, or go away
_DOWN = {"min"}
_CHOICES = {FieldType.SELECT, FieldType.MULTI_SELECT}


@dataclass(slots=True)
class Needs:
    """What a change comes to."""

    problems: list[Problem] = field(default_factory=list)  # CHANGE_UNSUPPORTED
    looks: list[str] = field(default_factory=list)  # parts for which every value is looked at
    converts: bool = False  # values take another form
    reindexes: bool = False  # the index, or the constraint, is built anew

    @property
    def job(self) -> bool:
        return bool(self.looks) or self.converts or self.reindexes


def needs(old: Field, new: Field, path: str = "") -> Needs:
    """What a change of a field's definition needs of the records plane."""
    found = Needs()

    def refuse(part: str, message: str) -> None:
        found.problems.append(Problem(join(path, part), "CHANGE_UNSUPPORTED", message))

    if new.name != old.name:
        refuse("name", "a field keeps its name; change the label instead")
    found.looks += [p for p in ("required", "unique") if getattr(new, p) > getattr(old, p)]
    if new.type is not old.type:
        if new.type not in allowed(old.type):
            known = listing(allowed(old.type))
            refuse("type", f"{old.type} can't become {new.type}; it can become: {known}")
        found.converts = True
        return found
    found.reindexes = new.indexed != old.indexed
    _compare_settings(old, new, found, refuse)
    _compare_options(old, new, found, refuse)
    return found


def unsupported_changes(old: Field, new: Field, path: str) -> list[Problem]:
    """A CHANGE_UNSUPPORTED for each change that no job does."""
    return needs(old, new, path).problems


def _compare_settings(old: Field, new: Field, found: Needs, refuse: Any) -> None:
    was = resolved_settings(old.type, old.settings)
    now = resolved_settings(new.type, new.settings)
    for name, before in was.items():
        after = now[name]
        if after == before or _widens(old, name, before, after):
            continue
        if name in {"expression", "result_type", "decimals"} and old.type is FieldType.FORMULA:
            found.converts = True
        elif name in {"path", "function", "field", "start"} or old.type is FieldType.ROLLUP:
            message = f"{name} can't go from {_said(before)} to {_said(after)}: make a new field"
            refuse(f"settings.{name}", message)
        elif name == "targets" and (len(before) == 1) != (len(after) == 1):
            message = "values are stored in another form then, and no job rewrites them"
            refuse("settings.targets", message)
        elif name == "scale":
            found.converts = True
        elif name == "case_insensitive":
            found.reindexes = True
        else:
            found.looks.append(f"settings.{name}")


def _said(value: Any) -> str:
    return "none" if value is None else repr(value)


def _widens(field: Field, name: str, before: Any, after: Any) -> bool:
    if field.type in {FieldType.FORMULA, FieldType.ROLLUP}:
        return False
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
        case "inverse_name" | "prefix" | "padding":
            return True
    return False


def _compare_options(old: Field, new: Field, found: Needs, refuse: Any) -> None:
    if old.type not in _CHOICES:
        return
    by_id, by_value = {o.id: o.value for o in new.options}, {o.value: o.id for o in new.options}
    for option in old.options:
        if by_id.get(option.id, option.value) != option.value and option.value in by_value:
            message = f"another option would take over the value {option.value!r}: one at a time"
            refuse("options", message)
    if any(value not in {o.value for o in new.options} for value in (o.value for o in old.options)):
        found.looks.append("options")


def moved_options(old: Field, new: Field, asked: Mapping[str, str]) -> dict[str, str | None]:
    """What becomes of values of options that go: what was asked for, or the option's new value."""
    now = {o.id: o.value for o in new.options}
    values = set(now.values())
    found: dict[str, str | None] = {}
    for option in old.options:
        if option.value in values:
            continue
        if option.value in asked:
            found[option.value] = asked[option.value] or None
        elif option.id in now:
            found[option.value] = now[option.id]
    return found
