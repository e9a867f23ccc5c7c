"""The keys under which steps have their effects, and the ids of the runs that steps call."""

from uuid import UUID, uuid5

_CALLED = UUID("0198c0de-7a11-7000-8000-00000000ca11")


def of_step(run_id: UUID, epoch: int, path: str) -> str:
    """The same for every attempt, and another in each epoch."""
    return f"{run_id}/{epoch}/{path}"


def called_run(key: str) -> UUID:
    """The run that a step with this key calls: the same however often it is tried."""
    return uuid5(_CALLED, key)
