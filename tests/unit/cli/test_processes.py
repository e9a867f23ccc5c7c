"""Processes are recognised by pid and start, supervised, and end with their supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.stack import processes, state
from cli.stack.children import Child, Program
from cli.stack.errors import StackError
from cli.stack.processes import MARK, Account, Identity, identify, is_alive
from cli.stack.reach import is_reachable
from cli.stack.state import StackDirectory
from cli.stack.supervisor import Supervisor, clean_up

SLEEP = ("sleep", "60")


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def a_program(*argv: str, name: str = "sleeper", trouble: str | None = None) -> Program:
    environment = {"PATH": os.environ["PATH"]}
    return Program(name, argv or SLEEP, environment, Path("/"), trouble=lambda: trouble)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    directory = StackDirectory(tmp_path)
    state.create(directory)
    supervisor = Supervisor(directory)
    yield supervisor
    supervisor.stop()


def test_a_recycled_pid_is_another_process() -> None:
    me = identify(os.getpid())
    assert me is not None

    assert is_alive(me)
    assert not is_alive(Identity(me.pid, me.started - 1))


def test_a_recycled_pid_is_not_signalled() -> None:
    with subprocess.Popen(SLEEP) as other:
        living = identify(other.pid)
        assert living is not None

        processes.stop([Identity(other.pid, living.started - 1)], signal.SIGKILL, 0)
        assert is_alive(living)

        processes.stop([living], signal.SIGTERM, 5)
        assert other.wait() == -signal.SIGTERM


def test_what_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(1); signal.pause()"
    with subprocess.Popen([sys.executable, "-uc", stubborn], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        living = identify(other.pid)
        assert living is not None

        processes.stop([living], signal.SIGTERM, 0.1)

        assert other.wait() == -signal.SIGKILL


def test_a_child_that_dies_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(a_program())
    until(supervisor.running)
    first = supervisor.running()["sleeper"]

    os.kill(first.pid, signal.SIGKILL)

    until(lambda: supervisor.running().get("sleeper") not in {None, first})
    second = supervisor.running()["sleeper"]
    until(lambda: state.read_ledger(supervisor.directory) == {"sleeper": second})


def test_stopping_ends_all_and_forgets_them(supervisor: Supervisor) -> None:
    supervisor.start(a_program(name="one"), a_program(name="two"))
    until(lambda: len(supervisor.running()) == 2)
    both = list(supervisor.running().values())

    supervisor.stop()

    assert not any(is_alive(process) for process in both)
    assert not supervisor.directory.ledger.exists()


def test_a_program_is_asked_to_stop_only_once(supervisor: Supervisor) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        "print('up', flush=True)\nsignal.pause()\ntime.sleep(0.1)\n"
    )
    supervisor.start(a_program(sys.executable, "-c", code))
    log = supervisor.directory.logs / "sleeper.log"
    until(lambda: log.exists() and log.read_text() == "up\n")

    supervisor.stop()

    assert log.read_text() == "up\nasked\n"


def test_a_program_that_never_works_fails_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.start(a_program("sh", "-c", "echo no such table; exec sleep 60", trouble="refused"))
    log = supervisor.directory.logs / "sleeper.log"
    until(lambda: log.exists() and log.stat().st_size)

    with pytest.raises(StackError, match=r"(?s)sleeper: not healthy.*refused.*no such table"):
        supervisor.wait_healthy(["sleeper"], 0.1)


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    child = Child(a_program("/no/such/program"), tmp_path, changed=lambda: None)
    child.start()
    until(lambda: child.last_exit is not None)
    child.stop()

    assert child.last_exit == "exited with status 127"
    assert "/no/such/program" in child.log.read_text()


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, signal\nfrom pathlib import Path\n"
        "from cli.stack.processes import spawn\n"
        "out = open('/dev/null', 'wb')\n"
        "child = spawn(('sleep', '60'), env={'PATH': '/bin:/usr/bin'}, cwd=Path('/'), output=out)\n"
        "print(child.pid, flush=True)\nsignal.pause()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(processes.__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment
    ) as supervisor:
        assert supervisor.stdout is not None
        child = identify(int(supervisor.stdout.readline()))
        assert child is not None
        comm = Path(f"/proc/{child.pid}/comm")
        until(lambda: comm.read_text() == "sleep\n")  # the leash is on

        supervisor.kill()

        until(lambda: not is_alive(child))


def test_cleaning_up_finds_what_was_never_written_down(tmp_path: Path) -> None:
    directory = StackDirectory(tmp_path)
    with (
        subprocess.Popen(SLEEP, env={**os.environ, MARK: str(tmp_path)}) as ours,
        subprocess.Popen(SLEEP, env={**os.environ, MARK: str(tmp_path / "other")}) as another,
    ):
        assert clean_up(directory) == 1

        # By the second signal where we were started in the background, which ignores the first.
        assert ours.wait() in (-signal.SIGINT, -signal.SIGKILL)
        assert another.poll() is None
        another.kill()


def test_reach_needs_every_directory_on_the_way(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    stranger = Account(uid=54321, gid=54321)
    (tmp_path / "outer").chmod(0o700)
    inner.chmod(0o755)

    assert not is_reachable(inner, stranger)
    assert is_reachable(Path("/usr/bin"), stranger)
