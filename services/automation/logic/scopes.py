"""What templates and formulas of a run can name, as the run goes on."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any


class Scope:
    """Names at one place of a graph. In a loop, the outputs of a round hide those of others."""

    def __init__(
        self,
        base: Mapping[str, Any],
        variables: dict[str, Any],
        outputs: "ChainMap[str, Any] | None" = None,
        loop: Mapping[str, Any] | None = None,
    ) -> None:
        self._base = base
        self._variables = variables  # shared by the whole run
        self._outputs: ChainMap[str, Any] = ChainMap() if outputs is None else outputs
        self._loop = loop or {"item": None, "index": None}

    def round(self, item: Any, index: int) -> "Scope":
        """One round of a loop."""
        loop = {"item": item, "index": index}
        return Scope(self._base, self._variables, self._outputs.new_child(), loop)

    def remember(self, step: str, output: Mapping[str, Any], error: str = "") -> None:
        """What a step answered: steps.<id>.output, and its parts also by themselves."""
        self._outputs[step] = {**output, "output": dict(output), "error": error}

    def last(self, step: str) -> Any:
        found = self._outputs.get(step)
        return None if found is None else found["output"]

    def set(self, values: Mapping[str, Any]) -> None:
        self._variables.update(values)

    @property
    def variables(self) -> Mapping[str, Any]:
        return self._variables

    def names(self) -> dict[str, Any]:
        steps = dict(self._outputs) if len(self._outputs.maps) > 1 else self._outputs.maps[0]
        return {**self._base, **self._loop, "steps": steps, "vars": self._variables}
