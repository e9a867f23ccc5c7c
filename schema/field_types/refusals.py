"""Word a refusal: the same code and sentence for the same mistake, whatever the field type."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from schema.problems import Invalid, Problem, nearest, refuse

_SHOWN = 60  # characters of a caller's text that an error repeats
_SUGGESTIONS = 20  # in one request: looking for near names is slow

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
    ((int, float, Decimal), "a number"),
)


def shown(value: object) -> str:
    """A caller's text as an error may repeat it: short, and printable whatever it holds."""
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def path_part(name: object) -> str:
    """A caller's key as a path may repeat it."""
    text = str(name)
    return text if text.isprintable() and len(text) <= _SHOWN else shown(text)[1:-1]


def kind_of(value: object) -> str:
    if value is None:
        return "null"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)


def wrong_type(path: str, wanted: str, value: object) -> Invalid:
    return refuse(path, "WRONG_TYPE", f"must be {wanted}, not {kind_of(value)}")


def did_you_mean(name: object, known: Iterable[str]) -> str:
    text = str(name)
    return _nearest(text, tuple(known)) if len(text) <= _SHOWN else ""


@lru_cache(maxsize=1024)  # a batch repeats its mistakes, and the search takes a millisecond
def _nearest(name: str, known: tuple[str, ...]) -> str:
    return nearest(name, known)


def unknown_names(
    path: str, code: str, what: str, unknown: Iterable[object], known: Iterable[str]
) -> list[Problem]:
    """A problem per unknown name, each with what is allowed, the first few with the nearest."""
    allowed = list(known)
    listed = f"; allowed: {listing(allowed)}"
    return [
        Problem(
            join(path, path_part(name)),
            code,
            f"there is no {what} {shown(name)}"
            + (listed + did_you_mean(name, allowed) if i < _SUGGESTIONS else ""),
        )
        for i, name in enumerate(unknown)
    ]


def check_parts(path: str, raw: Iterable[object], known: tuple[str, ...]) -> None:
    """Refuse an object that holds other parts than the known."""
    if unknown := [key for key in raw if key not in known]:
        raise Invalid(unknown_names(path, "UNKNOWN_PART", "part", unknown, known))


def listing(names: Iterable[str], limit: int = 50) -> str:
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "none") + more


def join(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part


class Problems(list[Problem]):
    """Collects what several checks refuse: `with problems.collect(): ...`, then `raise_any()`."""

    def collect(self) -> "_Collecting":
        return _Collecting(self)

    def add(self, path: str, code: str, message: str) -> None:
        self.append(Problem(path, code, message))

    def raise_any(self) -> None:
        if self:
            raise Invalid(list(self))


class _Collecting:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, Invalid):
            self._problems.extend(error.problems)
            return True
        return False
