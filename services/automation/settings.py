"""The settings of the automation service."""

from dataclasses import dataclass

from kit.settings import Settings as Base


@dataclass(frozen=True, kw_only=True)
class Settings(Base):
    """`ARMATURE_` and the upper-case name is where each value stands."""

    run_concurrency: int = 64  # runs at work at once in a process
    run_workspace_concurrency: int = 48  # of one workspace among them
    run_lease_seconds: float = 30.0  # a worker that is silent for longer loses its runs
    run_heartbeat_seconds: float = 10.0
    run_poll_seconds: float = 0.2  # between looks at the queue while nothing is said to be there
    action_timeout_seconds: float = 10.0  # for a call to another plane
    webhook_timeout_seconds: float = 15.0
    rule_triggers_per_minute: int = 500  # more of one rule pause it
    max_rules: int = 1000  # of a workspace
    max_workflows: int = 1000  # of a workspace
    timer_poll_seconds: float = 0.1  # between looks at what is due
    timer_batch: int = 500  # of one look
    retention_seconds: float = 600.0  # between looks at what is to be forgotten
    hook_base_url: str = "/v1/hooks"  # what a workflow's own URL begins with
