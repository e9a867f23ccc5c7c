"""Keep the headers that steps send: shut where they are stored, masked where they are shown.

Steps are looked through as the JSON that somebody wrote, unfinished as a draft may be: each that
sends something, wherever it stands, and of it the headers that are one object.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from kit.masking import LEADS_ELSEWHERE, MASK, NOTHING_KEPT, server_of
from kit.webhooks import Sealer
from services.automation.model import Action, ActionType

Document = Any
Change = Callable[[str, Any], Any]  # of a header's name and value
SENDING = (ActionType.SEND_WEBHOOK, ActionType.HTTP_REQUEST)
REFUSED = f"{NOTHING_KEPT}; or {LEADS_ELSEWHERE}"


def in_input(given: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A step's inputs with its headers changed."""
    headers = given.get("headers")
    if not isinstance(headers, dict):
        return dict(given)
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
    if _sends(document):
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


def restored(given: Document, stored: Document) -> Document:
    """What was given, with the values that are stored where it holds the mask: of the step with
    that id, as long as it sends to the same server. Elsewhere the mask stays."""
    known: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for step in _sending(stored):
        for name, value in _headers(step):
            if isinstance(value, str):
                entry = (_server(step), value)
                known.setdefault((_id(step), name.lower()), set()).add(entry)

    def kept(step: Mapping[str, Any], name: str, value: Any) -> Any:
        if value != MASK:
            return value
        found = known.get((_id(step), name.lower()), set())
        values = {text for server, text in found if server == _server(step)}
        return values.pop() if len(values) == 1 else MASK

    return in_steps(given, kept)


class Keeper:
    """Shuts and opens the headers of one rule or workflow."""

    def __init__(self, sealer: Sealer, bound_to: str) -> None:
        self._sealer = sealer
        self._bound_to = bound_to

    def seal(self, document: Document) -> Document:
        return in_steps(document, lambda _step, name, value: self._shut(name, value))

    def open(self, document: Document) -> Document:
        return in_steps(document, lambda _step, name, value: self._opened(name, value))

    def seal_input(self, kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
        return in_input(given, self._shut) if kind in SENDING else dict(given)

    def open_input(self, kind: ActionType, given: Mapping[str, Any]) -> dict[str, Any]:
        return in_input(given, self._opened) if kind in SENDING else dict(given)

    def sealed_actions(self, actions: Iterable[Action]) -> tuple[Action, ...]:
        return tuple(replace(one, input=self.seal_input(one.type, one.input)) for one in actions)

    def opened_actions(self, actions: Iterable[Action]) -> list[Document]:
        """As `restored` takes them."""
        return [
            {"id": one.name, "type": one.type, "input": self.open_input(one.type, one.input)}
            for one in actions
        ]

    def _shut(self, _name: str, value: Any) -> Any:
        return self._sealer.seal_text(value, self._bound_to) if isinstance(value, str) else value

    def _opened(self, _name: str, value: Any) -> Any:
        return self._sealer.open_text(value, self._bound_to) if isinstance(value, str) else value


def _sends(document: Mapping[str, Any]) -> bool:
    return document.get("type") in SENDING and isinstance(document.get("input"), dict)


def _sending(document: Document) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        for one in document:
            yield from _sending(one)
    elif isinstance(document, dict):
        if _sends(document):
            yield document
        for key, value in document.items():
            if key != "input":
                yield from _sending(value)


def _headers(step: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    headers = step["input"].get("headers")
    return headers.items() if isinstance(headers, dict) else ()


def _id(step: Mapping[str, Any]) -> str:
    return str(step.get("id"))


def _server(step: Mapping[str, Any]) -> str:
    return server_of(str(step["input"].get("url")))
