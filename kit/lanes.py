"""Say how a consumer works, and keep what it holds in lanes: one after the other in each."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from nats.aio.msg import Msg

from kit.db import Tx
from kit.envelope import Envelope

Handler = Callable[[Tx, Envelope], Awaitable[None]]
BatchHandler = Callable[[Tx, list[Envelope]], Awaitable[None]]
Prepare = Callable[[list[Envelope]], Awaitable[None]]
Turn = Callable[[Tx, list[Envelope]], Awaitable[set[UUID]]]

MAX_DELIVERIES = 16  # then it is not delivered again
TURN_SECONDS = 180.0  # longer than a dead process, then a connection, hold what came before
_REST = 3.0  # times as long as its last work took does a lane wait for company


@dataclass(frozen=True, slots=True)
class Options:
    """How a consumer works. `subjects` are those of planes: armature.evt.records.>"""

    name: str
    subjects: tuple[str, ...] = ("armature.evt.>",)
    batch: int = 200
    concurrency: int = 8  # lanes at work at the same time
    # The handler takes a list of events of one workspace; their effects share one transaction.
    batched: bool = False
    # Seconds a lane waits for company before it begins: fewer transactions, for a little latency.
    # Where a transaction takes long, because there is much to do, it waits for a few times as long
    # as that, at most `longest_linger`: so what is done behind a request leaves room for requests.
    linger: float = 0.0
    longest_linger: float = 0.12
    max_deliveries: int = MAX_DELIVERIES
    max_failures: int = 7  # with 0.2 s to 12.8 s between: 25 s in all
    # Called before each transaction, for what needs the network. May be called more than once.
    prepare: Prepare | None = None
    # Which of these must wait, by event id, because something before them is not done here yet;
    # asked in the transaction of the effect. None waits longer than TURN_SECONDS: what came before
    # may be in a dead letter, or have been lost with a log.
    turn: Turn | None = None

    def rest(self, took: float) -> float:
        """Seconds that a lane waits for company when the last work took so many."""
        return max(self.linger, min(self.longest_linger, _REST * took))


@dataclass(frozen=True, slots=True)
class Taken:
    message: Msg
    event: Envelope
    delivered: int
    sequence: int
    payload: str  # key of the data that lies beside the stream; empty: it is here


class Lane:
    """What is worked off one after the other. What came too early waits apart, and takes turns with
    what comes: the one that all of them wait for must not have to wait behind them."""

    def __init__(self, first: Taken) -> None:
        self.fresh = deque([first])
        self.early: deque[Taken] = deque()
        self._fresh_last = False

    def __bool__(self) -> bool:
        return bool(self.fresh or self.early)

    def next(self) -> deque[Taken]:
        """The one of the two to take from; not empty where the lane is not."""
        if not self.early:
            return self.fresh
        if not self.fresh:
            return self.early
        self._fresh_last = not self._fresh_last
        return self.fresh if self._fresh_last else self.early
