"""Canonical choices: a boolean, an option, several in the options' order, a list of texts."""

from collections.abc import Mapping
from typing import Any

from schema.field_types.base import Write
from schema.field_types.lists import compile_list
from schema.field_types.refusals import did_you_mean, listing, shown, wrong_type
from schema.field_types.text import clean
from schema.model import Field
from schema.problems import Invalid, refuse

MAX_ARRAY_ITEMS, MAX_ARRAY_ITEM_LENGTH = 100, 255
MAX_OPTIONS = 300


def compile_boolean(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def write(_old: object, raw: object, path: str) -> bool:
        if isinstance(raw, bool):
            return raw
        raise wrong_type(path, "true or false", raw)

    return write


def compile_select(field: Field, _settings: Mapping[str, Any]) -> Write:
    values = {option.value: option.value for option in field.options}

    def write(_old: object, raw: object, path: str) -> str:
        if not isinstance(raw, str):
            raise wrong_type(path, "one option's value", raw)
        if (value := values.get(raw)) is None:
            raise _unknown_option(path, raw, field)
        return value

    return write


def compile_multi_select(field: Field, _settings: Mapping[str, Any]) -> Write:
    order = {option.value: i for i, option in enumerate(field.options)}

    def item(raw: object, path: str) -> str:
        if not isinstance(raw, str):
            raise wrong_type(path, "an option's value", raw)
        if raw not in order:
            raise _unknown_option(path, raw, field)
        return raw

    def arranged(values: list[str]) -> list[str]:
        return sorted(dict.fromkeys(values), key=lambda value: order.get(value, len(order)))

    return compile_list(item, arranged, "a list of option values", MAX_OPTIONS)


def _unknown_option(path: str, raw: str, field: Field) -> Invalid:
    known = [option.value for option in field.options]
    message = f"there is no option {shown(raw)}; options: {listing(known)}"
    return refuse(path, "UNKNOWN_OPTION", message + did_you_mean(raw, known))


def compile_array(_field: Field, _settings: Mapping[str, Any]) -> Write:
    def item(raw: object, path: str) -> str:
        return clean(raw, path, MAX_ARRAY_ITEM_LENGTH)

    def without_blanks(values: list[str]) -> list[str]:
        return [value for value in values if value.strip()]

    return compile_list(item, without_blanks, "a list of strings", MAX_ARRAY_ITEMS)
