"""Logs are kept one run back, and shown as they grow under the names of their processes."""

import io
from pathlib import Path

from rich.console import Console

from cli.stack.logs import LogTail, last_lines, open_fresh


def test_a_new_run_keeps_the_log_of_the_last(tmp_path: Path) -> None:
    for run in ("one", "two", "three"):
        with open_fresh(tmp_path / "nats.log") as log:
            log.write(run.encode())

    assert (tmp_path / "nats.log").read_text() == "three"
    assert (tmp_path / "nats.log.1").read_text() == "two"


def test_the_end_of_a_log_is_what_an_error_shows(tmp_path: Path) -> None:
    (tmp_path / "nats.log").write_text("\n".join(map(str, range(100))))

    assert last_lines(tmp_path / "nats.log", 2) == ["98", "99"]
    assert last_lines(tmp_path / "no.log") == []


def test_the_tail_prints_new_whole_lines_under_the_name_of_the_process(tmp_path: Path) -> None:
    shown = io.StringIO()
    (tmp_path / "nats.log").write_text("of an earlier run\n")
    tail = LogTail(tmp_path, Console(file=shown, width=20))
    tail.start()

    with open_fresh(tmp_path / "nats.log") as nats, open_fresh(tmp_path / "s3.log") as s3:
        nats.write(b"a line [longer] than the console is wide\nunfinished")
        s3.write(b"\xff\n")
    tail.stop()

    assert shown.getvalue().splitlines() == [
        "      nats │ a line [longer] than the console is wide",
        "        s3 │ \N{REPLACEMENT CHARACTER}",
    ]
