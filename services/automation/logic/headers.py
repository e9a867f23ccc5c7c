"""Keep the headers that steps send: shut where they are stored, masked where they are shown.

Steps are looked through as the JSON that somebody wrote, unfinished as a draft may be: each whose
input has headers, wherever it stands, whatever its type and whatever they are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidTag

from kit.masking import LEADS_ELSEWHERE, MASK, NOTHING_KEPT, server_of
from kit.webhooks import Sealer, is_sealed
from schema import jsonio
from services.automation.logic.prepared import InputError
from services.automation.model import Action, ActionType

Document = Any
Change = Callable[[str, Any], Any]  # of a header's name and value
SENDING = (ActionType.SEND_WEBHOOK, ActionType.HTTP_REQUEST)
REFUSED = (
    f"{NOTHING_KEPT}; or {LEADS_ELSEWHERE}; nothing is kept where the URL's server is a template"
)
_UNREADABLE = "headers can't be read any more: give their values anew"
_JSON = "\0"  # before what was sealed and is no text


def in_input(given: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A step's inputs with its headers changed: each, or what stands in their place."""
    headers = given.get("headers")
    if headers is None:
        return dict(given)
    if not isinstance(headers, dict):
        return {**given, "headers": change("", headers)}
    changed = {name: change(name, value) for name, value in headers.items()}
    return {**given, "headers": changed}


def in_steps(document: Document, change: Callable[[Mapping[str, Any], str, Any], Any]) -> Document:
    """Steps with the headers of each changed; the step is told along with each."""
    if isinstance(document, list):
        return [in_steps(one, change) for one in document]
    if not isinstance(document, dict):
        return document
    found = {
        key: value if key == "input" else in_steps(value, change) for key, value in document.items()
    }
    if _has_input(document):
        found["input"] = in_input(found["input"], lambda name, value: change(document, name, value))
    return found


def in_draft(draft: Mapping[str, Any], change: Callable[[Document], Document]) -> dict[str, Any]:
    """A workflow's draft or version with its steps changed."""
    if "steps" not in draft:
        return dict(draft)
    return {**draft, "steps": change(draft["steps"])}


def masked(steps: Document) -> Document:
    """Steps as anybody may see them."""
    return in_steps(steps, lambda _step, _name, _value: MASK)


def masked_input(kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of one step as anybody may see them."""
    return in_input(given, lambda _name, _value: MASK) if kind in SENDING else dict(given)


def restored(given: Document, stored: Document, *, anywhere: bool = False) -> Document:
    """What was given, with the values that are stored where it holds the mask: of the step with
    that id, as long as it sends to the same server, and names it. Elsewhere the mask stays. With
    `anywhere` what a step sends to can't have changed."""
    known: dict[tuple[str, str], set[tuple[str | None, str]]] = {}
    for step in _sending(stored):
        for name, value in _headers(step):
            if isinstance(value, str):
                entry = (_server(step), value)
                known.setdefault((_id(step), name.lower()), set()).add(entry)

    def kept(step: Mapping[str, Any], name: str, value: Any) -> Any:
        if value != MASK:
            return value
        found = known.get((_id(step), name.lower()), set())
        here = _server(step)
        values = {
            text for server, text in found if anywhere or (here is not None and server == here)
        }
        return values.pop() if len(values) == 1 else MASK

    return in_steps(given, kept)


def let_go(steps: Document) -> Document:
    """Steps without the values that would go elsewhere if what templates say changes."""
    return in_steps(steps, lambda step, _name, value: MASK if _server(step) is None else value)


class Keeper:
    """Shuts and opens the headers of one rule or workflow."""

    def __init__(self, sealer: Sealer, bound_to: str) -> None:
        self._sealer = sealer
        self._bound_to = bound_to

    def seal(self, document: Document) -> Document:
        return in_steps(document, lambda _step, name, value: self._shut(name, value))

    def seal_rest(self, document: Document) -> Document:
        """What an older release stored: those headers sealed that stand in the clear."""
        return in_steps(document, lambda _step, name, value: self._shut_open(name, value))

    def open(self, document: Document) -> Document:
        """To be edited or judged: the mask for what can't be read any more."""
        return in_steps(document, lambda _step, name, value: self._legible(name, value))

    def seal_input(self, kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
        return in_input(given, self._shut) if kind in SENDING else dict(given)

    def seal_rest_of_input(self, kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
        return in_input(given, self._shut_open) if kind in SENDING else dict(given)

    def open_input(self, kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
        """To be sent: InputError where it can't be read any more."""
        return in_input(given, self._opened) if kind in SENDING else dict(given)

    def sealed_actions(self, actions: Iterable[Action]) -> tuple[Action, ...]:
        return tuple(replace(one, input=self.seal_input(one.type, one.input)) for one in actions)

    def opened_actions(self, actions: Iterable[Action]) -> list[Document]:
        """As `restored` takes them."""
        return [
            {"id": one.name, "type": one.type, "input": in_input(one.input, self._legible)}
            for one in actions
        ]

    def _shut(self, _name: str, value: Any) -> Any:
        is_plain = isinstance(value, str) and not value.startswith(_JSON)
        text = value if is_plain else _JSON + jsonio.dumps(value).decode()
        return self._sealer.seal_text(text, self._bound_to)

    def _shut_open(self, name: str, value: Any) -> Any:
        return value if isinstance(value, str) and is_sealed(value) else self._shut(name, value)

    def _opened(self, _name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            text = self._sealer.open_text(value, self._bound_to)
        except (InvalidTag, ValueError) as exc:
            raise InputError(_UNREADABLE) from exc
        return jsonio.loads_stored(text[1:].encode()) if text.startswith(_JSON) else text

    def _legible(self, name: str, value: Any) -> Any:
        try:
            return self._opened(name, value)
        except InputError:
            return MASK


def _has_input(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("input"), dict)


def _sending(document: Document) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        for one in document:
            yield from _sending(one)
    elif isinstance(document, dict):
        if _has_input(document):
            yield document
        for key, value in document.items():
            if key != "input":
                yield from _sending(value)


def _headers(step: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    headers = step["input"].get("headers")
    return headers.items() if isinstance(headers, dict) else [("", headers)]


def _id(step: Mapping[str, Any]) -> str:
    return str(step.get("id"))


def _server(step: Mapping[str, Any]) -> str | None:
    return server_of(str(step["input"].get("url")))
