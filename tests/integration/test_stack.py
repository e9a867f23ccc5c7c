"""The embedded stack: real servers that keep what they acknowledged, whatever is killed."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import nats
import psycopg
import pytest
import urllib3
from minio import Minio
from minio.error import MinioException
from nats.js.api import StreamConfig

from cli.down import down
from cli.stack import description, run, servers
from cli.stack import nats as nats_server
from cli.stack import postgres as postgres_server
from cli.stack.errors import StackError
from cli.stack.ports import find_free_base
from cli.stack.processes import Identity, is_alive, marked
from cli.stack.servers import S3Endpoint, Started
from cli.stack.state import StackDirectory
from cli.status import examine

REPOSITORY = Path(servers.__file__).resolve().parents[2]
GRPC_SERVICE = """\
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
if sys.argv[1:] == ["migrate"]:
    import psycopg
    with psycopg.connect(os.environ["ARMATURE_OWNER_DATABASE_URL"]) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS metadata")
        connection.execute("GRANT USAGE ON SCHEMA metadata TO armature_metadata")
    sys.exit()
assert sys.argv[1:] == ["serve", "relay", "work"]
assert "ARMATURE_OWNER_DATABASE_URL" not in os.environ
server = grpc.server(ThreadPoolExecutor(2))
checks = health.HealthServicer()
checks.set("", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(checks, server)
server.add_insecure_port(os.environ["ARMATURE_ADDRESS"])
server.start()
print("metadata serves", flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
signal.pause()
"""
GATEWAY = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
host, port = os.environ["ARMATURE_ADDRESS"].split(":")
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"""
SUPERVISOR = """\
import signal, sys
from pathlib import Path
from cli.stack import run
root, port_base, data_dir = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
with run.started(root, port_base, data_dir=data_dir):
    print("ready", flush=True)
    signal.pause()
"""


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def kill_and_wait_for_the_next(stack: Started, name: str) -> None:
    before = dict(stack["processes"][name])
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: stack["processes"][name] != before)


def a_client(store: S3Endpoint) -> Minio:
    return Minio(
        endpoint=store["endpoint"].removeprefix("http://"),
        access_key=store["access_key"],
        secret_key=store["secret_key"],
        region=store["region"],
        secure=False,
        http_client=urllib3.PoolManager(timeout=2, retries=False),
    )


def get_object(store: S3Endpoint, name: str) -> bytes | None:
    try:
        response = a_client(store).get_object(bucket_name=store["bucket"], object_name=name)
    except (MinioException, urllib3.exceptions.HTTPError):
        return None
    with response:
        return response.data


def count_notes(url: str) -> int | None:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            row = connection.execute("SELECT count(*) FROM notes").fetchone()
    except psycopg.OperationalError:
        return None
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def stack() -> Iterator[Started]:
    with servers.started() as running:
        yield running


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one plane and a gateway, both as small as they can be."""
    for package, code in (("services/metadata", GRPC_SERVICE), ("gateway", GATEWAY)):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__main__.py").write_text(code)
    return tmp_path


def test_postgres_is_durable_and_speaks_version_18(stack: Started) -> None:
    with psycopg.connect(stack["postgres"]["url"]) as connection:
        names = ("server_version_num", "fsync", "synchronous_commit", "listen_addresses", "jit")
        found = [connection.execute(f"SHOW {name}").fetchone() for name in names]
        assert connection.execute("SELECT uuid_extract_version(uuidv7())").fetchone() == (7,)

    version, *settings = [row[0] for row in found if row]
    assert 180000 <= int(version) < 190000
    assert settings == ["on", "on", "127.0.0.1", "off"]


def test_service_roles_own_nothing_and_cannot_make_tables(stack: Started) -> None:
    roles = stack["postgres"]["roles"]
    with psycopg.connect(roles["armature_owner"], autocommit=True) as owner:
        owner.execute("CREATE SCHEMA links")
        owner.execute("CREATE TABLE links.edges (id int)")
        owner.execute("GRANT USAGE ON SCHEMA links TO armature_links")

    with psycopg.connect(roles["armature_links"], autocommit=True) as service:
        for refused in ("SELECT FROM links.edges", "CREATE TABLE links.x ()", "CREATE SCHEMA y"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(refused)


def test_a_wrong_password_is_refused(stack: Started) -> None:
    url = stack["postgres"]["url"]
    password = url.split(":")[2].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


async def test_jetstream_takes_atomic_batches(stack: Started) -> None:
    connection = await nats.connect(stack["nats"]["url"])
    try:
        jetstream = connection.jetstream()
        await jetstream.add_stream(
            StreamConfig(name="BATCHES", subjects=["batches.>"], allow_atomic=True)
        )
        batch = {"Nats-Batch-Id": "one"}
        first = batch | {"Nats-Batch-Sequence": "1"}
        last = batch | {"Nats-Batch-Sequence": "2", "Nats-Batch-Commit": "1"}
        await connection.request("batches.a", b"1", timeout=5, headers=first)
        assert (await jetstream.stream_info("BATCHES")).state.messages == 0
        answer = await connection.request("batches.a", b"2", timeout=5, headers=last)

        assert json.loads(answer.data)["count"] == 2
        assert (await jetstream.stream_info("BATCHES")).state.messages == 2
        assert connection.max_payload == 8 * 1024 * 1024
    finally:
        await connection.close()


def test_nats_wants_the_password(stack: Started) -> None:
    url = stack["nats"]["url"]

    assert nats_server.trouble(url, None) is None
    refusal = nats_server.trouble(url.replace("nats://armature:", "nats://armature:not-"), None)
    assert refusal == "-ERR 'Authorization Violation'"


def test_s3_keeps_objects_and_signs(stack: Started) -> None:
    store = stack["s3"]
    client = a_client(store)
    client.put_object(
        bucket_name=store["bucket"], object_name="a/b.txt", data=io.BytesIO(b"hello"), length=5
    )
    assert get_object(store, "a/b.txt") == b"hello"

    presigned = client.presigned_get_object(bucket_name=store["bucket"], object_name="a/b.txt")
    assert httpx.get(presigned, trust_env=False).content == b"hello"
    unsigned = httpx.get(presigned.partition("?")[0], trust_env=False)
    assert unsigned.is_client_error
    forged = httpx.get(presigned[:-1] + ("0" if presigned[-1] != "0" else "1"), trust_env=False)
    assert forged.status_code == httpx.codes.FORBIDDEN


def test_postgres_killed_keeps_what_it_committed(stack: Started) -> None:
    url = stack["postgres"]["url"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE notes (id int)")
        connection.execute("INSERT INTO notes SELECT generate_series(1, 100)")

    kill_and_wait_for_the_next(stack, "postgres")

    until(lambda: count_notes(url) == 100)


async def test_nats_killed_keeps_what_it_acknowledged(stack: Started) -> None:
    connection = await nats.connect(stack["nats"]["url"])
    await connection.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
    acknowledgement = await connection.jetstream().publish("kept.a", b"1", timeout=5)
    assert acknowledgement.seq == 1
    await connection.close()

    kill_and_wait_for_the_next(stack, "nats")

    options = {"max_reconnect_attempts": 60, "reconnect_time_wait": 0.1}
    connection = await nats.connect(stack["nats"]["url"], **options)
    message = await connection.jetstream().get_msg("KEPT", seq=1)
    await connection.close()
    assert message.data == b"1"


def test_s3_killed_keeps_what_it_acknowledged(stack: Started) -> None:
    store = stack["s3"]
    a_client(store).put_object(
        bucket_name=store["bucket"], object_name="kept", data=io.BytesIO(b"kept"), length=4
    )

    kill_and_wait_for_the_next(stack, "s3")

    until(lambda: get_object(store, "kept") == b"kept")


def test_a_checkout_runs_describes_itself_and_stops(checkout: Path, tmp_path: Path) -> None:
    base = find_free_base()
    directory = StackDirectory(tmp_path / ".armature" / f"stack-{base}")
    try:
        with run.started(checkout, base, environment=dict(os.environ)) as stack:
            assert description.read(directory) == stack
            assert directory.description.stat().st_mode & 0o777 == 0o600
            assert stack["grpc"] == {"metadata": f"127.0.0.1:{base + 1}"}
            names = {"postgres", "nats", "s3", "sink", "metadata", "gateway"}
            assert {part["name"] for part in examine(stack)} == names
            assert [part for part in examine(stack) if not part["healthy"]] == []
            with psycopg.connect(stack["postgres"]["roles"]["armature_metadata"]) as connection:
                connection.execute("SELECT has_schema_privilege('metadata', 'USAGE')")

            with (
                pytest.raises(StackError, match="runs already"),
                run.started(checkout, base, environment=dict(os.environ)),
            ):
                pass

            before = stack["processes"]["metadata"]
            os.kill(before["pid"], signal.SIGKILL)
            until(lambda: description.read(directory)["processes"]["metadata"] != before)
            until(lambda: all(part["healthy"] for part in examine(stack)))

        assert not directory.description.exists()
        assert marked(directory.path) == []
        assert "metadata serves" in (directory.logs / "metadata.log").read_text()
    finally:
        postgres_server.forget(directory)


def test_a_service_that_cannot_migrate_fails_the_start_with_its_log(checkout: Path) -> None:
    (checkout / "services/metadata/__main__.py").write_text("raise SystemExit('no such relation')")
    directory = StackDirectory(checkout / "data")
    environment = dict(os.environ)
    try:
        with (
            pytest.raises(StackError, match=r"(?s)migration of metadata.*no such relation"),
            run.started(
                checkout, find_free_base(), data_dir=directory.path, environment=environment
            ),
        ):
            pass
        assert marked(directory.path) == []
    finally:
        postgres_server.forget(directory)


def test_pieces_that_are_elsewhere_are_used_and_not_started(checkout: Path) -> None:
    with servers.started() as away:
        store = away["s3"]
        environment = {
            **os.environ,
            "ARMATURE_DATABASE_URL": away["postgres"]["url"],
            "ARMATURE_NATS_URL": away["nats"]["url"],
            "ARMATURE_S3_ENDPOINT": store["endpoint"],
            "ARMATURE_S3_ACCESS_KEY": store["access_key"],
            "ARMATURE_S3_SECRET_KEY": store["secret_key"],
            "ARMATURE_S3_BUCKET": "other",
        }
        base = find_free_base(away["port_base"] + 100)
        with run.started(checkout, base, data_dir=checkout, environment=environment) as stack:
            assert set(stack["processes"]) == {"sink", "metadata", "gateway"}
            assert stack["postgres"]["port"] == away["postgres"]["port"]
            assert a_client(stack["s3"]).bucket_exists(bucket_name="other")
            health = {part["name"]: part["trouble"] for part in examine(stack)}
            assert health == dict.fromkeys(
                ["postgres", "nats", "s3", "sink", *stack["grpc"], "gateway"]
            )


@pytest.mark.parametrize("everything", [False, True])
def test_after_a_kill_down_cleans_up_and_a_new_stack_has_the_data(
    tmp_path: Path, everything: bool
) -> None:
    base = find_free_base()
    directory = StackDirectory(tmp_path / "data")
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path), str(base), str(directory.path)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def start() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    try:
        with start() as supervisor:
            stack = description.read(directory)
            with psycopg.connect(stack["postgres"]["url"]) as connection:
                connection.execute("CREATE TABLE notes AS SELECT 1 AS id")
            ours = [Identity(p["pid"], p["started"]) for p in stack["processes"].values()]
            assert len(ours) == 4
            if everything:
                supervisor.send_signal(signal.SIGSTOP)  # it shall restart nothing
                for process in ours:
                    os.kill(process.pid, signal.SIGKILL)
            supervisor.kill()
        until(lambda: not any(is_alive(process) for process in ours))

        down(directory)
        assert not directory.description.exists()

        with start() as supervisor:
            again = description.read(directory)
            assert count_notes(again["postgres"]["url"]) == 1
            assert again["api_key"] == stack["api_key"]

            assert "stopped the supervisor" in down(directory)
            assert supervisor.wait(10) != 0
        assert marked(directory.path) == []
    finally:
        postgres_server.forget(directory)


def test_a_pid_file_that_names_another_program_is_seen_through(tmp_path: Path) -> None:
    directory = StackDirectory(tmp_path / "data")
    try:
        with servers.started(directory.path):
            pass
        record = postgres_server.home_of(directory, None) / "data" / "postmaster.pid"
        record.write_text(f"{os.getpid()}\n{record.parent}\n1\n1\n\n127.0.0.1\n1 1\nready\n")
        with (
            servers.started(directory.path) as stack,
            psycopg.connect(stack["postgres"]["url"]) as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres_server.forget(directory)


def test_down_where_nothing_ever_ran_says_so(tmp_path: Path) -> None:
    assert "no stack was ever started" in down(StackDirectory(tmp_path / "data"))
