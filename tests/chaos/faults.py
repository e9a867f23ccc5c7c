"""What can go wrong, drawn from a seed, and how each thing is done to a running platform.

A fault that finds nothing to hurt (a process that is dead already, a point that nobody passes) is
not counted.
"""

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cli.stack.processes import Identity, send
from tests.chaos.platform import RUN_LEASE_SECONDS, TWINS, Platform
from tests.chaos.proxy import DELAY, HALF_OPEN, REFUSE, RESET, STALL, SWALLOW, TRICKLE, Fault
from tests.chaos.proxy import KINDS as CONNECTION_KINDS

# Where a process can die (or stand still) on the path of a change; which processes pass there.
POINTS: dict[str, tuple[str, ...]] = {
    "records.before_commit": ("records",),
    "relay.before_publish": ("records", "records-2", "automation", "automation-2"),
    "relay.after_publish": ("records", "records-2", "automation", "automation-2"),
    "events-log.before_commit": ("events", "events-2"),
    "events-log.before_ack": ("events", "events-2"),
    "events-fanout.before_commit": ("events", "events-2"),
    "events-fanout.before_ack": ("events", "events-2"),
    "delivery.before_send": ("events", "events-2"),
    "delivery.before_settle": ("events", "events-2"),
    "automation-trigger.before_commit": ("automation", "automation-2"),
    "automation-trigger.before_ack": ("automation", "automation-2"),
    "automation.after_claim": ("automation", "automation-2"),
    "automation.before_action": ("automation", "automation-2"),
    "automation.after_action": ("automation", "automation-2"),
    "automation.before_commit": ("automation", "automation-2"),
    "automation.for_each_index": ("automation", "automation-2"),
    "automation.timer_fire": ("automation", "automation-2"),
}
# Where standing still for longer than a lease, and then going on, is dangerous.
FENCED = {
    "relay.before_publish": 11.0,
    "relay.after_publish": 11.0,
    "automation.after_claim": RUN_LEASE_SECONDS + 1,
    "automation.before_action": RUN_LEASE_SECONDS + 1,
    "automation.after_action": RUN_LEASE_SECONDS + 1,
    "automation.before_commit": RUN_LEASE_SECONDS + 1,
    "delivery.before_send": 13.0,
    "delivery.before_settle": 13.0,
}
KILLED = ("metadata", "records", "events", "automation", "gateway", *(f"{t}-2" for t in TWINS))
_PROXIED = ("metadata", "records", "events", "automation", "")
_ELSEWHERE_SECONDS = 4.0
_STOPS = 13.0  # longer than any lease but the runs'
_WEIGHTS = {
    "point": 30,
    "stop at": 4,
    "kill": 8,
    "pause": 8,
    "stop": 2,
    "postgres kill": 2,
    "postgres restart": 2,
    "nats kill": 3,
    "nats wiped": 1,
    "everything": 0.3,
    RESET: 20,
    STALL: 12,
    SWALLOW: 5,
    HALF_OPEN: 0.7,
    DELAY: 12,
    REFUSE: 6,
    TRICKLE: 4,
}


@dataclass(slots=True)
class Planned:
    """One fault to come: `after` seconds after the one before it."""

    after: float
    kind: str
    target: str
    point: str = ""
    seconds: float = 0.0
    struck: float = 0.0  # when, by the monotonic clock; 0: never
    recovered: float | None = None  # seconds until a write sent after it was acknowledged

    def __str__(self) -> str:
        where = f"{self.target}@{self.point}" if self.point else self.target or "all"
        return f"{self.kind} {where}" + (f" {self.seconds:.1f}s" if self.seconds else "")


def plan(rng: random.Random, count: int, seconds: float) -> list[Planned]:
    """`count` faults over about so many seconds."""
    kinds = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    return [_planned(rng, kind, rng.expovariate(count / seconds)) for kind in kinds]


def one_of_each(rng: random.Random, seconds: float) -> list[Planned]:
    """Each kind and each crash point once, over about so many seconds.

    But no half-open connection, which is noticed only after a minute; it has a test of its own.
    """
    kinds = [kind for kind in _WEIGHTS if kind not in {"point", HALF_OPEN}]
    after = seconds / (len(kinds) + len(POINTS))
    found = [_planned(rng, kind, after) for kind in kinds]
    stopped = {(fault.point, fault.target) for fault in found if fault.point}
    for point, names in POINTS.items():
        fault = _planned(rng, "point", after, point)
        if (point, fault.target) in stopped:  # both at once would be one
            fault.target = next(name for name in names if name != fault.target)
        found.append(fault)
    rng.shuffle(found)
    return found


def _planned(rng: random.Random, kind: str, after: float, point: str = "") -> Planned:
    fault = Planned(after, kind, "")
    if kind == "point":
        fault.point = point or rng.choice(list(POINTS))
        fault.target = rng.choice(POINTS[fault.point])
    elif kind == "stop at":
        fault.point = rng.choice(list(FENCED))
        fault.target = _mostly_idle(rng, POINTS[fault.point])
        fault.seconds = FENCED[fault.point]
    elif kind == "stop":
        fault.target = _mostly_idle(rng, [*TWINS, *(f"{twin}-2" for twin in TWINS)])
        fault.seconds = _STOPS
    elif kind in {"kill", "pause"}:
        fault.target = rng.choice(KILLED)
        fault.seconds = rng.uniform(0.5, 3) if kind == "pause" else 0
    elif kind in CONNECTION_KINDS:
        server = rng.choice(["postgres", "postgres", "nats"])
        fault.target = f"{server}/{rng.choice(_PROXIED)}"
        if kind not in {RESET, HALF_OPEN}:
            fault.seconds = rng.uniform(0.5, 3.5)
    return fault


def _mostly_idle(rng: random.Random, names: Sequence[str]) -> str:
    """Mostly one of those whom no client waits for, so that the load goes on meanwhile."""
    serving = rng.random() < 0.15
    return rng.choice([name for name in names if serving or name.endswith("-2")])


@dataclass(slots=True)
class Injector:
    """Does what is planned, on a thread of its own, and undoes it at the end."""

    platform: Platform
    planned: list[Planned]
    seconds: float  # the least that it takes
    patience: float = 0.0  # seconds to wait at the end for points that nobody has passed yet
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        """Strike each in its turn; returns when what was stopped goes on again."""
        until = time.monotonic() + self.seconds
        for fault in self.planned:
            self._stop.wait(fault.after)
            self._strike(fault)
        self._stop.wait(max(0.0, until - time.monotonic()))
        until = time.monotonic() + self.patience
        while any(f.point and not f.struck for f in self.planned) and time.monotonic() < until:
            self._stop.wait(0.05)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.heal()
        if self._errors:
            raise self._errors[0]

    def heal(self) -> None:
        """Nothing is wrong any more, but what dies and restarts by itself."""
        for proxy in self.platform.proxies.values():
            proxy.heal()
        for name in self.platform.services():
            if (armed := self.platform.crash_dir(name)).exists():
                for left in armed.iterdir():
                    left.unlink(missing_ok=True)
            self.platform.send(name, signal.SIGCONT)

    def _strike(self, fault: Planned) -> None:
        platform, now = self.platform, time.monotonic()
        kind = fault.kind
        if kind in {"point", "stop at"}:
            armed = platform.crash_dir(fault.target) / fault.point
            if not armed.exists():  # else one death would count as two
                armed.write_text("stop" if kind == "stop at" else "")
                self._later(self._watch_point, fault)
        elif kind == "kill":
            fault.struck = now if platform.send(fault.target, signal.SIGKILL) else 0
        elif kind in {"pause", "stop"}:
            if found := platform.send(fault.target, signal.SIGSTOP):
                fault.struck = now
                self._later(self._go_on, fault, found)
        elif kind == "everything":
            struck = [platform.send(name, signal.SIGKILL) for name in platform.supervisor.running()]
            fault.struck = now if any(struck) else 0
        elif kind == "postgres restart":
            fault.struck = now if platform.send("postgres", signal.SIGINT) else 0
        elif kind in {"postgres kill", "nats kill", "nats wiped"}:
            if kind == "nats wiped":
                platform.wipe.set()
            fault.struck = now if platform.send(kind.split()[0], signal.SIGKILL) else 0
        else:
            server, client = fault.target.split("/")
            met = platform.proxies[server].inject(Fault(kind, fault.seconds, client))
            fault.struck = now if met or kind == REFUSE else 0

    def _later(self, work: Callable[..., None], *given: object) -> None:
        def guarded() -> None:
            try:
                work(*given)
            except BaseException as exc:  # noqa: BLE001 -- raised again by run()
                self._errors.append(exc)

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch_point(self, fault: Planned) -> None:
        """See when the point is passed; and if that stops the process, have it go on in time.

        Where nobody passes for a while, as the work is another process's, it is tried there.
        """
        armed = self.platform.crash_dir(fault.target) / fault.point
        moved = time.monotonic()
        while armed.exists():
            if self._stop.wait(0.02):
                armed.unlink(missing_ok=True)
                return
            if fault.kind == "point" and time.monotonic() > moved + _ELSEWHERE_SECONDS:
                names = POINTS[fault.point]
                other = names[(names.index(fault.target) + 1) % len(names)]
                there = self.platform.crash_dir(other) / fault.point
                try:
                    armed.rename(there)
                except FileNotFoundError:
                    break  # passed just now
                fault.target, armed, moved = other, there, time.monotonic()
        found = self.platform.process(fault.target)
        fault.struck = time.monotonic()
        if fault.kind == "stop at" and found is not None:
            self._go_on(fault, found)

    def _go_on(self, fault: Planned, process: Identity) -> None:
        """SIGCONT when the time is over, and not before: the lease must run out."""
        time.sleep(max(0.0, fault.struck + fault.seconds - time.monotonic()))
        send(process, signal.SIGCONT)
