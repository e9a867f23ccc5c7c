"""End a stack from outside: ask its supervisor, or clean up after one that was killed."""

import signal

from cli.stack import processes, state
from cli.stack.errors import StackError
from cli.stack.state import StackDirectory
from cli.stack.supervisor import clean_up

# More than the longest grace period of a child, in each of the three tiers it stops.
SUPERVISOR_GRACE_SECONDS = 45.0


def down(directory: StackDirectory) -> str:
    """Stop the stack of that directory; a sentence that says what was done."""
    if not directory.path.exists():
        return f"no stack was ever started in {directory.path}"
    done = []
    if (supervisor := state.supervisor(directory)) is not None:
        processes.stop([supervisor], signal.SIGTERM, SUPERVISOR_GRACE_SECONDS)
        if processes.is_alive(supervisor):
            raise StackError(f"the supervisor, process {supervisor.pid}, could not be stopped")
        done.append("stopped the supervisor")
    with state.locked(directory):
        if count := clean_up(directory):
            done.append(f"ended {count} processes that were left")
    return " and ".join(done) or "nothing was running"
