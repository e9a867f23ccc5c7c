"""Print a figure beside the bar that the design sets for it; nothing fails for a missed one."""


def at_least(what: str, found: float, bar: float, unit: str) -> None:
    _tell(what, found, f"at least {bar:,g}", unit, met=found >= bar)


def at_most(what: str, found: float, bar: float, unit: str) -> None:
    _tell(what, found, f"at most {bar:,g}", unit, met=found <= bar)


def at(sizes: list[float], share: float) -> float:
    """The value below which that share of them lies."""
    return sorted(sizes)[min(len(sizes) - 1, int(len(sizes) * share))]


def _tell(what: str, found: float, bar: str, unit: str, *, met: bool) -> None:
    print(f"\n{what}: {found:,.1f} {unit}, bar {bar} {unit}: {'met' if met else 'missed'}")
