"""The kinds of dead letters: a delivery, a run, or an event that a consumer could not process."""

DELIVERY = "delivery"
RUN = "automation-run"  # what the automation plane calls letters of its runs
CONSUMERS = (
    "artifacts-timeline",
    "automation-events",
    "automation-trigger",
    "events-dead-letters",
    "events-fanout",
    "events-log",
    "links-projector",
    "metadata-field-jobs",
    "records-field-jobs",
    "records-links",
)
KINDS = (DELIVERY, RUN, *CONSUMERS)
