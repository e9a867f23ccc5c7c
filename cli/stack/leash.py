"""Become another program that cannot outlive the process which started it.

Run as a script by path, with the standard library alone, so that it costs ten milliseconds:
`python -I -S leash.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM [ARGUMENT...]`. Doing this in a
process of its own, and not between fork and exec, keeps it safe under a threaded supervisor.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NOT_FOUND = 127  # as in a shell
KEEP = -1  # as UID or GID: stay who we are


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if uid != KEEP:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which would clear it; it survives the exec.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)  # it died before the line above
    try:
        os.execvp(program[0], program)  # noqa: S606 - becoming another program is the purpose
    except OSError as exc:
        print(f"cannot run {program[0]}: {exc.strerror}", file=sys.stderr)
        sys.exit(_NOT_FOUND)


if __name__ == "__main__":
    main(sys.argv[1:])
