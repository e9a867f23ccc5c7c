"""Fill in templates: Liquid with limits, where a missing name is an error and types are kept.

A text that is exactly one `{{ expression }}` becomes the value itself: a number stays a number, an
object stays an object. Any other text is rendered to a text. Templates stand anywhere in a JSON
document's values; its keys are taken as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any
from zoneinfo import ZoneInfo

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined, is_undefined
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.static_analysis import Segments

from services.automation.logic import arithmetic

MAX_TEXT = 1_000_000  # characters that a filter or a template may make
MAX_TEMPLATE = 64_000  # characters of one template
_ZONE = "armature_time_zone"
_UNUSABLE_TAGS = ("include", "render", "extends", "block", "macro", "call", "translate")


class TemplateError(Exception):
    """A template can't be parsed, or not be filled in with what there is."""


class _Environment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = 10_000
    local_namespace_limit = 4_000_000
    output_stream_limit = 4 * MAX_TEXT  # bytes


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def has_template(value: object) -> bool:
    """Whether anything in a JSON document is a template."""
    return any(is_template(text) for _, text in texts(value, ""))


def texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text of a JSON document with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from texts(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from texts(one, f"{path}.{index}" if path else str(index))


def parse(text: str) -> BoundTemplate:
    """TemplateError saying what is wrong with its syntax."""
    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"a template has at most {MAX_TEMPLATE} characters")
    return _parse(text)


def names(template: BoundTemplate) -> Iterator[Segments]:
    """Each name that a template takes from outside, in segments: ["trigger", "after", "stage"]."""
    for variables in template.analyze(include_partials=False).globals.values():
        for variable in variables:
            yield variable.segments


def unknown_filters(template: BoundTemplate) -> list[str]:
    used = template.analyze(include_partials=False).filters
    return sorted(name for name in used if name not in _ENVIRONMENT.filters)


def filter_names() -> list[str]:
    return sorted(_ENVIRONMENT.filters)


def render(value: Any, scope: Mapping[str, object], time_zone: str, path: str = "") -> Any:
    """The document with its templates filled in; TemplateError names the path of one that fails."""
    if isinstance(value, str):
        if not is_template(value):
            return value
        try:
            return _fill(value, {**scope, _ZONE: time_zone})
        except TemplateError as exc:
            raise TemplateError(f"{path}: {exc}" if path else str(exc)) from exc
    if isinstance(value, dict):
        return {
            key: render(one, scope, time_zone, f"{path}.{key}" if path else str(key))
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [render(one, scope, time_zone, f"{path}.{i}") for i, one in enumerate(value)]
    return value


def _fill(text: str, scope: Mapping[str, object]) -> Any:
    template = parse(text)
    try:
        only = _only_expression(template)
        if only is None:
            return template.render(**scope)
        found = only.expression.evaluate(RenderContext(template, globals=scope))
        if is_undefined(found):
            str(found)  # raises, naming what is missing
        return _plain(found)
    except LiquidError as exc:
        raise TemplateError(_sentence(exc)) from exc
    except (TypeError, ValueError, ArithmeticError, RecursionError) as exc:
        raise TemplateError(f"cannot be filled in: {exc}") from exc


def _only_expression(template: BoundTemplate) -> OutputNode | None:
    nodes: list[Node] = [
        node
        for node in template.nodes
        if not (isinstance(node, ContentNode) and not str(node).strip())
    ]
    if len(nodes) == 1 and isinstance(nodes[0], OutputNode):
        return nodes[0]
    return None


def _plain(value: object) -> Any:
    """The JSON value of what an expression gave."""
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if value == None:  # noqa: E711 -- Liquid has a nothing of its own, which equals None
        return None
    raise TemplateError(f"gives a {type(value).__name__}, which is no JSON value")


def _sentence(error: LiquidError) -> str:
    return str(error.message or error).strip() or type(error).__name__


@lru_cache(maxsize=4096)
def _parse(text: str) -> BoundTemplate:
    try:
        return _ENVIRONMENT.from_string(text)
    except LiquidError as exc:
        raise TemplateError(_sentence(exc)) from exc
    except RecursionError as exc:
        raise TemplateError("nests too deep") from exc


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose result is no longer than MAX_TEXT, so that none can fill the memory."""

    @wraps(function)
    def check(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if isinstance(found, str | list) and len(found) > MAX_TEXT:
            raise TemplateError(f"a filter makes more than {MAX_TEXT} characters or items")
        return found

    return check


def _growing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for filters whose result can be the product of their arguments' lengths."""

    @wraps(function)
    def check(left: Any, *args: Any, **kwargs: Any) -> Any:
        size = len(left) if isinstance(left, str | list | tuple) else 1
        longest = max((len(str(a)) for a in (*args, *kwargs.values()) if a is not None), default=0)
        if size * max(1, longest) > 100 * MAX_TEXT:
            raise TemplateError(f"a filter makes more than {MAX_TEXT} characters")
        return function(left, *args, **kwargs)

    return check


def _now_in_zone(function: Callable[..., Any]) -> Callable[..., Any]:
    """`date` with 'now' in the workspace's time zone rather than in this machine's."""

    @wraps(function)
    def date(value: Any, *args: Any, context: RenderContext, **kwargs: Any) -> Any:
        if value in ("now", "today"):
            zone = context.scope.get(_ZONE)
            value = datetime.now(ZoneInfo(str(zone)) if zone else UTC)
        return function(value, *args, environment=context.env, **kwargs)

    date.with_context = True  # type: ignore[attr-defined] # how Liquid asks what to pass
    date.with_environment = False  # type: ignore[attr-defined]
    return date


def _environment() -> Environment:
    made = _Environment(undefined=StrictUndefined, strict_filters=True)
    for tag in _UNUSABLE_TAGS:
        made.tags.pop(tag, None)
    made.filters |= arithmetic.FILTERS
    made.filters["date"] = _now_in_zone(made.filters["date"])
    for name in ("replace", "join"):
        made.filters[name] = _growing(made.filters[name])
    for name, function in list(made.filters.items()):
        made.filters[name] = _bounded(function)
    return made


_ENVIRONMENT = _environment()
