"""Whether another account of this machine gets to a path, by the permission bits on the way."""

import os
import stat
from pathlib import Path

from cli.stack.processes import Account


def is_reachable(path: Path, account: Account) -> bool:
    """Whether it may pass every directory above `path`, and pass or run `path` itself."""
    resolved = path.resolve()
    return all(_may_execute(step.stat(), account) for step in (resolved, *resolved.parents))


def _may_execute(status: os.stat_result, account: Account) -> bool:
    """Postgres drops all but its primary group, so that supplementary ones do not count."""
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
