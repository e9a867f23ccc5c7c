"""Write a filter tree back as its JSON form or its text form; reading either gives the tree."""

import json
from decimal import Decimal
from typing import Any

from schema.filters.documents import Document, conjunction
from schema.filters.ranges import Calendar, Rolling, Side
from schema.filters.tree import And, Condition, Every, Me, None_, Not, Or, Some, Tree
from schema.jsonio import dumps

SYMBOLS = {"eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def to_json(tree: Tree | None) -> Document:
    """The JSON form, every operator spelled out. Numbers stay exact: an int or a Decimal."""
    match tree:
        case None:
            return {}
        case Condition(path, op, value):
            return {path.name: {op: _operand(value)}}
        case And(children):
            return conjunction([to_json(child) for child in children])
        case Or(children):
            return {"or": [to_json(child) for child in children]}
        case Not(child):
            return {"not": to_json(child)}
        case Some(path, child):
            return {path.name: {"some": to_json(child)}}
        case None_(path, child):
            return {path.name: {"none": to_json(child)}}
        case Every(path, child):
            return {path.name: {"every": to_json(child)}}


def to_text(tree: Tree | None) -> str:
    """The short form for a query string; no filter is the empty text."""
    match tree:
        case None:
            return ""
        case Condition(path, "is_empty", True):
            return f"{path.name} is_empty"
        case Condition(path, op, value):
            return f"{path.name} {SYMBOLS.get(op, op)} {_literal(value)}"
        case And(children):
            return " and ".join(_nested(child) for child in children)
        case Or(children):
            return " or ".join(_nested(child) for child in children)
        case Not(child):
            return f"not ({to_text(child)})"
        case Some(path, child):
            return f"{path.name} some ({to_text(child)})"
        case None_(path, child):
            return f"{path.name} none ({to_text(child)})"
        case Every(path, child):
            return f"{path.name} every ({to_text(child)})"


def _nested(tree: Tree) -> str:
    text = to_text(tree)
    return f"({text})" if isinstance(tree, And | Or) else text


def _operand(value: Any) -> Any:
    match value:
        case Me():
            return "me"
        case Calendar() | Side():
            return value.name
        case Rolling(direction, text, _):
            return {direction: text}
        case tuple():
            return [_operand(item) for item in value]
    return value


def _literal(value: Any) -> str:
    match value:
        case Me():
            return "me"
        case Calendar() | Side():
            return value.name
        case Rolling(direction, text, _):
            return f"{direction}({json.dumps(text)})"
        case bool():
            return "true" if value else "false"
        case tuple() | list():
            return "(" + ", ".join(_literal(item) for item in value) + ")"
        case int() | Decimal():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
    return dumps(value).decode()
