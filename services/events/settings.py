"""Settings of the events plane."""

from dataclasses import dataclass

from kit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class EventsSettings(Settings):
    """What this plane knows beyond what every service does."""

    # Seconds before each attempt of a delivery; as many attempts as there are entries.
    webhook_schedule: tuple[str, ...] = (
        "0",
        "5",
        "300",
        "1800",
        "7200",
        "18000",
        "36000",
        "50400",
        "72000",
        "86400",
    )
    webhook_timeout_seconds: float = 15.0
    webhook_concurrency: int = 4  # deliveries of one subscription under way at a time
    webhook_slots: int = 256  # deliveries of this process under way at a time
    webhook_breaker_seconds: float = 30.0  # the first pause; doubles up to 20 times this
    webhook_disable_days: float = 5.0  # of failure, until a subscription is switched off
    delivery_days: int = 30  # how long finished deliveries are kept
    watch_poll_seconds: float = 1.0
