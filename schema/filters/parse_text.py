"""The short text form of a filter to its JSON form, with the column of what cannot be read."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schema.compiled import CompiledObject, Workspace
from schema.filters.documents import Document, conjunction
from schema.filters.parse_json import parse
from schema.filters.render import SYMBOLS
from schema.filters.tree import QUANTIFIERS, Tree
from schema.problems import Invalid, refuse

MAX_LENGTH = 20_000
MAX_PARENTHESES = 20

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?)(?![A-Za-z0-9_.])
    |(?P<word>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)
    |(?P<symbol>!=|>=|<=|=|>|<)
    |(?P<mark>[(),])
    |(?P<object>\{)""",
    re.VERBOSE,
)
_OPERATORS = {symbol: op for op, symbol in SYMBOLS.items()}
_WORDS = {"true": True, "false": False, "null": None}
_RESERVED = ("and", "or", "not")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a group of _TOKEN, or "end"
    text: str
    column: int  # from 1
    value: Any = None


def parse_text(
    workspace: Workspace, obj: CompiledObject, text: str, *, path: str = "filter"
) -> Tree | None:
    """The tree of a text filter, None for blank text; Invalid as `parse`, or with a column."""
    return parse(workspace, obj, text_to_json(text, path=path), path=path)


def text_to_json(text: str, *, path: str = "filter") -> Document:
    """The JSON form of a text filter; names and operands are judged by `parse` alone."""
    if len(text) > MAX_LENGTH:
        message = f"a filter in text form has at most {MAX_LENGTH:,} characters"
        raise refuse(path, "TEXT_LIMIT", message)
    tokens = _tokens(text, path)
    if len(tokens) == 1:
        return {}
    reader = _Reader(tokens, path)
    document = reader.expression(0)
    reader.expect("end", "")
    return document


def _tokens(text: str, path: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        column = position + 1
        if match is None:
            raise _syntax(path, column, _unreadable(text[position]))
        kind, found = str(match.lastgroup), match[0]
        position = match.end()
        value: Any = None
        if kind == "string":
            value = _decoded(found, path, column)
        elif kind == "number":
            value = Decimal(found) if set(found) & set(".eE") else int(found)
        elif kind == "object":
            value, position = _object(text, match.start(), path, column)
        if kind != "space":
            tokens.append(_Token(kind, found, column, value))
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


class _Reader:
    def __init__(self, tokens: list[_Token], path: str) -> None:
        self._tokens = tokens
        self._path = path
        self._at = 0

    def expression(self, nesting: int) -> Document:
        """Terms joined by `and`, or by `or`, but not by both."""
        terms = [self._term(nesting)]
        joiner = ""
        while (token := self._peek()).kind == "word" and token.text in ("and", "or"):
            if joiner and token.text != joiner:
                message = "put parentheses around what belongs together: and and or are mixed"
                raise self._error(token, message)
            joiner = token.text
            self._next()
            terms.append(self._term(nesting))
        if len(terms) == 1:
            return terms[0]
        return {"or": terms} if joiner == "or" else conjunction(terms)

    def expect(self, kind: str, text: str) -> None:
        token = self._next()
        if token.kind != kind or token.text != text:
            wanted = f"{text!r}" if text else "and, or, or the end"
            raise self._error(token, f"expected {wanted}, found {_shown(token)}")

    def _term(self, nesting: int) -> Document:
        token = self._peek()
        if token.kind == "word" and token.text == "not":
            self._next()
            return {"not": self._parenthesised(nesting)}
        if token.text == "(" and token.kind == "mark":
            return self._parenthesised(nesting)
        return self._condition(nesting)

    def _parenthesised(self, nesting: int) -> Document:
        if nesting == MAX_PARENTHESES:
            message = f"parentheses nest at most {MAX_PARENTHESES} deep"
            raise self._error(self._peek(), message)
        self.expect("mark", "(")
        document = self.expression(nesting + 1)
        self.expect("mark", ")")
        return document

    def _condition(self, nesting: int) -> Document:
        name = self._next()
        if name.kind != "word" or name.text in _RESERVED:
            raise self._error(name, f"expected a field name, found {_shown(name)}")
        token = self._next()
        if token.kind == "symbol":
            op = _OPERATORS[token.text]
        elif token.kind == "word" and token.text not in _RESERVED:
            op = token.text
        else:
            raise self._error(token, f"expected an operator, found {_shown(token)}")
        if op in QUANTIFIERS:
            return {name.text: {op: self._parenthesised(nesting)}}
        if op == "is_empty" and self._peek().text not in ("true", "false"):
            return {name.text: {op: True}}
        return {name.text: {op: self._range() if op == "within" else self._value(nesting)}}

    def _range(self) -> Any:
        token = self._next()
        if token.kind == "string":
            return token.value
        if token.kind != "word":
            raise self._error(token, f"expected a range such as last_7_days, found {_shown(token)}")
        if token.text not in ("last", "next"):
            return token.text
        self.expect("mark", "(")
        length = self._next()
        if length.kind != "string":
            raise self._error(length, f'expected a length such as "PT36H", found {_shown(length)}')
        self.expect("mark", ")")
        return {token.text: length.value}

    def _value(self, nesting: int) -> Any:
        token = self._next()
        if token.kind in ("string", "number", "object"):
            return token.value
        if token.kind == "word" and token.text in _WORDS:
            return _WORDS[token.text]
        if token.kind == "word" and token.text == "me":
            return "me"
        if token.kind == "word" and token.text not in _RESERVED:
            message = f'text stands in double quotes: "{token.text}"'
            raise self._error(token, message)
        if token.text == "(" and token.kind == "mark":
            return self._list(token, nesting)
        raise self._error(token, f"expected a value, found {_shown(token)}")

    def _list(self, start: _Token, nesting: int) -> list[Any]:
        if nesting == MAX_PARENTHESES:
            raise self._error(start, f"parentheses nest at most {MAX_PARENTHESES} deep")
        if self._peek().text == ")" and self._peek().kind == "mark":
            self._next()
            return []
        values = [self._value(nesting + 1)]
        while self._peek().text == "," and self._peek().kind == "mark":
            self._next()
            values.append(self._value(nesting + 1))
        self.expect("mark", ")")
        return values

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _error(self, token: _Token, message: str) -> Invalid:
        return _syntax(self._path, token.column, message)


def _decoded(literal: str, path: str, column: int) -> str:
    try:
        return str(json.loads(literal))
    except ValueError as error:
        message = 'a string takes the escapes of JSON: \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX'
        raise _syntax(path, column, message) from error


def _object(text: str, start: int, path: str, column: int) -> tuple[Any, int]:
    try:
        return _JSON.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise _syntax(path, column, "this JSON object cannot be read") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _unreadable(character: str) -> str:
    if character == '"':
        return "a string does not end"
    if character == "'":
        return "strings stand in double quotes"
    return f"{character!r} has no meaning here"


def _shown(token: _Token) -> str:
    return "the end" if token.kind == "end" else repr(token.text)


def _syntax(path: str, column: int, message: str) -> Invalid:
    return refuse(path, "SYNTAX", f"column {column}: {message}")
