"""Compute plain arithmetic exactly: the part of CEL that people write of money.

CEL's fractions are doubles, so that 0.1 + 0.2 is not 0.3. An expression of nothing but numbers,
fields, their parts, operators, comparisons, conditions, `double()` and `int()` is read here as well
and worked out in decimals, with CEL's meaning of everything else: whole numbers divide to whole
numbers, what has no value has none. Anything beyond that is left to CEL.
"""

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any, NoReturn

DIGITS = 34  # of a quotient, and of a result
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_EXACT = Context(prec=2000, Emax=999_999, Emin=-999_999)
_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
_TOKEN = re.compile(
    r"""\s*(?:(?P<double>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)(?![\w.])
    |(?P<int>\d+)(?![\w.])|(?P<name>[A-Za-z_]\w*)
    |(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:().]))""",
    re.VERBOSE | re.ASCII,
)
_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
# So that no expression outgrows the stack; brackets as deep as CEL takes them, 32, count thrice at
# most: `-(`.
_MAX_DEPTH, _MAX_TOKENS = 100, 300

Fields = Mapping[str, Any]
Value = Callable[[Fields], Any]


class NoValueError(Exception):
    """What CEL calls an error: the formula has no value."""


class BeyondError(Exception):
    """Not arithmetic alone: ask CEL."""


@lru_cache(maxsize=4096)
def read(expression: str) -> Value | None:
    """What computes the expression from fields by name (numbers as int and Decimal, `...` for what
    only CEL knows); None where it says more than arithmetic. The function raises NoValueError and
    BeyondError."""
    try:
        tokens = _tokens(expression)
        found = _Reader(tokens).whole()
    except BeyondError:
        return None
    return found


def rounded(value: Decimal) -> Decimal:
    """A result of as many digits as results have."""
    return _ROUNDED.plus(value)


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, expression.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise BeyondError
        kind = str(token.lastgroup)
        found.append((kind, token[kind]))
        at = token.end()
        if len(found) > _MAX_TOKENS:
            raise BeyondError
    return found


class _Reader:
    """Reads by CEL's precedence, lowest first."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._at = 0
        self._depth = 0

    def whole(self) -> Value:
        found = self._choice()
        if self._tokens[self._at][0] != "end":
            raise BeyondError
        return found

    def _take(self, *signs: str) -> str:
        kind, text = self._tokens[self._at]
        if kind != "sign" or text not in signs:
            return ""
        self._at += 1
        return text

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise BeyondError

    def _deeper(self, read_inner: Callable[[], Value]) -> Value:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BeyondError
        found = read_inner()
        self._depth -= 1
        return found

    def _choice(self) -> Value:
        condition = self._deeper(self._any)
        if not self._take("?"):
            return condition
        first = self._any()
        self._need(":")
        return _chosen(condition, first, self._deeper(self._choice))

    def _any(self) -> Value:
        found = self._all()
        while self._take("||"):
            found = _joined(found, self._all(), decides=True)
        return found

    def _all(self) -> Value:
        found = self._relation()
        while self._take("&&"):
            found = _joined(found, self._relation(), decides=False)
        return found

    def _relation(self) -> Value:
        found = self._sum()
        while sign := self._take("==", "!=", *_RELATIONS):
            found = _related(sign, found, self._sum())
        return found

    def _sum(self) -> Value:
        found = self._product()
        while sign := self._take("+", "-"):
            found = _calculated(sign, found, self._product())
        return found

    def _product(self) -> Value:
        found = self._signed()
        while sign := self._take("*", "/", "%"):
            found = _calculated(sign, found, self._signed())
        return found

    def _signed(self) -> Value:
        if self._take("-"):
            return _calculated("-", None, self._deeper(self._signed))
        if self._take("!"):
            negated = self._deeper(self._signed)
            return lambda fields: not _truth(negated(fields))
        return self._atom()

    def _atom(self) -> Value:
        if self._take("("):
            found = self._deeper(self._choice)
            self._need(")")
            return found
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "int" and int(text) <= _INT_MAX:
            return _constant(int(text))
        if kind == "double":
            return _constant(Decimal(text))
        if kind == "text":
            return _constant(text[1:-1])
        if kind != "name":
            raise BeyondError
        words = {"true": True, "false": False, "null": None}
        if text in words:
            return _constant(words[text])
        if self._take("("):
            return self._converted(text)
        return self._member(text)

    def _converted(self, name: str) -> Value:
        inner = self._deeper(self._choice)
        self._need(")")
        if name == "double":
            return lambda fields: Decimal(_number(inner(fields)))
        if name == "int":
            return lambda fields: _whole(int(_number(inner(fields))))
        raise BeyondError

    def _member(self, name: str) -> Value:
        steps: list[str] = []
        while self._take("."):
            kind, text = self._tokens[self._at]
            self._at += 1
            if kind != "name":
                raise BeyondError
            steps.append(text)
        if self._take("("):  # a method
            raise BeyondError

        def value(fields: Fields) -> Any:
            if name not in fields:
                raise BeyondError
            found = fields[name]
            for step in steps:
                if found is ...:
                    raise BeyondError
                if not isinstance(found, Mapping) or step not in found:
                    raise NoValueError
                found = found[step]
            return found

        return value


def _constant(value: Any) -> Value:
    return lambda _fields: value


def _chosen(condition: Value, first: Value, second: Value) -> Value:
    return lambda fields: first(fields) if _truth(condition(fields)) else second(fields)


def _joined(one: Value, other: Value, *, decides: bool) -> Value:
    """`||` and `&&`: either side decides alone, even where the other has no value."""

    def value(fields: Fields) -> bool:
        try:
            if _truth(one(fields)) is decides:
                return decides
        except NoValueError:
            if _truth(other(fields)) is decides:
                return decides
            raise
        return _truth(other(fields))

    return value


def _related(sign: str, one: Value, other: Value) -> Value:
    def value(fields: Fields) -> bool:
        a, b = one(fields), other(fields)
        if sign in {"==", "!="}:
            return _equal(a, b) is (sign == "==")
        if isinstance(a, str | bool) or isinstance(b, str | bool):
            raise BeyondError
        a, b = _number(a), _number(b)
        if isinstance(a, int) is not isinstance(b, int):
            raise BeyondError  # CEL does not mix them
        return _RELATIONS[sign](a, b)

    return value


def _equal(a: Any, b: Any) -> bool:
    for one in (a, b):
        if one is not None and not isinstance(one, bool | int | Decimal | str):
            raise BeyondError
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    return bool(a == b)


def _calculated(sign: str, one: Value | None, other: Value) -> Value:
    def value(fields: Fields) -> Any:
        b = _number(other(fields))
        if one is None:
            return _whole(-b) if isinstance(b, int) else b.copy_negate()
        a = _number(one(fields))
        if isinstance(a, int) and isinstance(b, int):
            return _whole(_of_whole(sign, a, b))
        if isinstance(a, int) or isinstance(b, int):
            raise BeyondError  # CEL does not mix them
        return _of_fractions(sign, a, b)

    return value


def _of_whole(sign: str, a: int, b: int) -> int:
    match sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
    if b == 0:
        raise NoValueError
    quotient = abs(a) // abs(b) * (1 if (a < 0) is (b < 0) else -1)  # towards zero
    return quotient if sign == "/" else a - b * quotient


def _of_fractions(sign: str, a: Decimal, b: Decimal) -> Decimal:
    match sign:
        case "+":
            return _bounded(_EXACT.add(a, b))
        case "-":
            return _bounded(_EXACT.subtract(a, b))
        case "*":
            return _bounded(_EXACT.multiply(a, b))
        case "/":
            if not b:
                raise NoValueError
            return _ROUNDED.divide(a, b)
    raise BeyondError


def _bounded(value: Decimal) -> Decimal:
    """Exact, as long as that has an end."""
    return value if len(value.as_tuple().digits) <= _EXACT.prec // 4 else _ROUNDED.plus(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        _wrong(value)
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        _wrong(value)
    return value


def _wrong(value: Any) -> NoReturn:
    """Of nothing comes nothing; of texts and the like CEL may make something."""
    if value is None or isinstance(value, bool):
        raise NoValueError
    raise BeyondError


def _whole(value: int) -> int:
    if not _INT_MIN <= value <= _INT_MAX:
        raise NoValueError
    return value
