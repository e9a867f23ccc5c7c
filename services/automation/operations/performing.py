"""What a step asks of the outside, and what it answered."""

from dataclasses import dataclass
from typing import Any

from services.automation.model import Step


@dataclass(frozen=True, slots=True)
class Performing:
    """One call that is to be made: recorded, and not yet done."""

    step: Step
    given: dict[str, Any]
    request_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """What an action answered."""

    output: dict[str, Any]
