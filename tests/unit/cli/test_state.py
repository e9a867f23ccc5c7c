"""The files of a stack: where they are, who may read them, who holds the lock."""

import os
import stat
from pathlib import Path

import pytest

from cli.stack import credentials, state
from cli.stack.errors import StackError
from cli.stack.processes import Identity, identify
from cli.stack.state import StackDirectory, directory_of


def test_each_port_base_has_a_directory_of_its_own(tmp_path: Path) -> None:
    assert directory_of(tmp_path, 7700).path == tmp_path / ".armature"
    assert directory_of(tmp_path, 8800).path == tmp_path / ".armature" / "stack-8800"
    assert directory_of(tmp_path, 8800, tmp_path / "x").path == tmp_path / "x"


def test_what_is_written_is_for_our_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    state.write_private_json(path, {"a": 1})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert state.read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["dev.json"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(StackError, match=r"secrets\.json is not JSON"):
        credentials.load(StackDirectory(tmp_path))


def test_credentials_stay_the_same_and_gain_what_is_missing(tmp_path: Path) -> None:
    directory = StackDirectory(tmp_path)
    first = credentials.load(directory)
    kept = state.read_json(directory.secrets)
    assert kept is not None
    del kept["database_password_armature_links"]
    state.write_private_json(directory.secrets, kept)

    second = credentials.load(directory)

    assert first.api_key == second.api_key
    assert first.api_key.split("_")[0] == "arm"
    assert len(first.internal_secret) == 64
    links = "armature_links"
    assert second.database_passwords[links] != first.database_passwords[links]
    assert second.database_passwords["armature_owner"] == first.database_passwords["armature_owner"]


def test_a_directory_has_one_supervisor(tmp_path: Path) -> None:
    directory = StackDirectory(tmp_path)
    assert state.supervisor(directory) is None

    with state.locked(directory):
        assert state.supervisor(directory) == identify(os.getpid())
        with pytest.raises(StackError, match="a stack runs already"), state.locked(directory):
            pass

    assert state.supervisor(directory) is None


def test_the_ledger_of_an_earlier_boot_is_not_believed(tmp_path: Path) -> None:
    directory = StackDirectory(tmp_path)
    state.write_ledger(directory, {"nats": Identity(7, 70)})
    assert state.read_ledger(directory) == {"nats": Identity(7, 70)}

    ledger = state.read_json(directory.ledger)
    assert ledger is not None
    state.write_private_json(directory.ledger, ledger | {"boot_id": "another"})
    assert state.read_ledger(directory) == {}
