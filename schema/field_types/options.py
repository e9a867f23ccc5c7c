"""The options of a select or multi_select: read from short or long form, checked as a whole."""

import re
from collections.abc import Callable, Iterable, Mapping

from schema.field_types.choices import MAX_OPTIONS
from schema.field_types.identity import uuid
from schema.field_types.refusals import (
    Problems,
    did_you_mean,
    join,
    listing,
    shown,
    unknown_names,
    wrong_type,
)
from schema.field_types.text import clean
from schema.model import Option
from schema.problems import refuse

COLORS = (
    "gray", "red", "orange", "amber", "yellow", "lime", "green", "teal", "cyan", "sky", "blue",
    "indigo", "violet", "purple", "pink", "brown",
)  # fmt: skip
MAX_LABEL = 255
_VALUE = re.compile(r"[A-Za-z0-9_]{1,63}", re.ASCII)
_PARTS = ("value", "label", "color", "id")


def normalise_options(
    raw: object,
    *,
    new_id: Callable[[], str],
    old: Iterable[Option] = (),
    path: str = "options",
) -> tuple[Option, ...]:
    """Options in their order, from strings or `{"value", "label"?, "color"?, "id"?}`.

    An option without an id keeps that of the old option of its value, else gets a new one.
    """
    if not isinstance(raw, list | tuple):
        raise wrong_type(path, "a list of options", raw)
    if len(raw) > MAX_OPTIONS:
        message = f"must have at most {MAX_OPTIONS} options, this has {len(raw)}"
        raise refuse(path, "TOO_MANY_VALUES", message)
    known = {option.value: option for option in old}
    problems = Problems()
    options: list[Option] = []
    for position, one in enumerate(raw):
        with problems.collect():
            options.append(_option(one, position, known, new_id, join(path, str(position))))
    problems.raise_any()
    check_options(options, path)
    return tuple(options)


def _option(
    raw: object, position: int, known: Mapping[str, Option], new_id: Callable[[], str], path: str
) -> Option:
    if isinstance(raw, str):
        raw = {"value": raw}
    if not isinstance(raw, dict):
        raise wrong_type(path, 'a value, or {"value", "label", "color", "id"}', raw)
    problems = Problems()
    if unknown := [key for key in raw if key not in _PARTS]:
        problems += unknown_names(path, "UNKNOWN_PART", "part of an option", unknown, _PARTS)
    value = raw.get("value")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        message = f"must be 1 to 63 letters, digits and _, not {shown(value)}"
        problems.add(join(path, "value"), "PATTERN_MISMATCH", message)
        value = ""
    before = known.get(value)
    label = value
    with problems.collect():
        if raw.get("label") is not None:
            label = clean(raw["label"], join(path, "label"), MAX_LABEL).strip() or value
        elif before:
            label = before.label
    color = raw.get("color") or (before.color if before else "gray")
    if color not in COLORS:
        message = f"there is no colour {shown(color)}; colours: {listing(COLORS)}"
        problems.add(join(path, "color"), "UNKNOWN_COLOR", message + did_you_mean(color, COLORS))
    given = raw.get("id")
    with problems.collect():
        if given:
            given = uuid(given, join(path, "id"))
    problems.raise_any()
    known_id = before.id if before else new_id()
    return Option(
        id=str(given) if given else known_id,
        value=value,
        label=label,
        color=str(color),
        position=position,
    )


def check_options(options: Iterable[Option], path: str) -> None:
    """Values (without regard to case), labels and ids are each unique."""
    problems = Problems()
    values: set[str] = set()
    labels: set[str] = set()
    ids: set[str] = set()
    for i, option in enumerate(options):
        for part, given, seen in (
            ("value", option.value.lower(), values),
            ("label", option.label, labels),
            ("id", option.id, ids),
        ):
            if given in seen:
                message = f"another option has the {part} {shown(given)}"
                problems.add(f"{path}.{i}.{part}", "DUPLICATE_OPTION", message)
            seen.add(given)
    problems.raise_any()
