"""Run every test, in two processes side by side: much of what tests do is wait.

The first has what runs on whole platforms and most of what is about records, the second everything
else. What both say is shown one after the other, and the last line counts for both. Arguments go to
both.
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
FIRST = (
    "tests/chaos",
    "tests/contract",
    "tests/e2e",
    "tests/integration/field_jobs",
    "tests/integration/gateway",
    "tests/integration/records",
    "tests/unit",
)
_COUNTED = re.compile(r"(\d+) (passed|failed|errors?|skipped)\b")
_NO_TESTS = 5  # as pytest says it


def main() -> None:
    halves = (FIRST, ("tests", *(f"--ignore={one}" for one in FIRST)))
    with tempfile.TemporaryFile("w+") as first, tempfile.TemporaryFile("w+") as second:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "pytest", *half, *sys.argv[1:]],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            for half, out in zip(halves, (first, second), strict=True)
        ]
        done = threading.Event()
        threading.Thread(target=_show_life, args=(done,), daemon=True).start()
        try:
            codes = [process.wait() for process in running]
        finally:
            done.set()
            for process in running:
                process.terminate()
        counts: Counter[str] = Counter()
        for out in (first, second):
            counts += _shown(out)
    failed = counts["failed"] + counts["error"] + counts["errors"]
    print(f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped")
    sys.exit(max(0 if code == _NO_TESTS and counts["passed"] else code for code in codes))


def _shown(out: IO[str]) -> Counter[str]:
    """Print what a half has said; what its last line counts."""
    out.seek(0)
    last = ""
    for line in out:
        print(line, end="")
        last = line if _COUNTED.search(line) else last
    return Counter({name: int(number) for number, name in _COUNTED.findall(last)})


def _show_life(done: threading.Event) -> None:
    minutes = 0
    while not done.wait(60):
        minutes += 1
        print(f"testing for {minutes} min", flush=True)


if __name__ == "__main__":
    main()
