"""What each process of the stack is told, and what it is not."""

from typing import cast

import pytest

from cli.stack import elsewhere, settings
from cli.stack.description import Stack
from cli.stack.errors import StackError
from cli.stack.planes import PLANES, service_role, worker_role


def a_stack() -> Stack:
    roles = ["armature_owner", *map(service_role, PLANES), *map(worker_role, PLANES)]
    return cast(
        Stack,
        {
            "postgres": {
                "roles": {r: f"postgresql://{r}:pw@127.0.0.1:7720/armature" for r in roles}
            },
            "nats": {"url": "nats://armature:pw@127.0.0.1:7721"},
            "s3": {
                "endpoint": "http://127.0.0.1:7723",
                "access_key": "KEY",
                "secret_key": "SECRET",
                "bucket": "armature",
                "region": "us-east-1",
            },
            "api_key": "arm_1_2",
            "workspace_id": "w",
            "internal_secret": "s",
            "otlp_endpoint": "http://127.0.0.1:7730",
            "port_base": 7700,
            "root": "/checkout",
        },
    )


def armature(environment: dict[str, str]) -> set[str]:
    return {name for name in environment if name.startswith("ARMATURE_")}


def test_every_plane_logs_in_as_itself_and_none_as_the_owner() -> None:
    for plane in PLANES:
        environment = settings.of_plane(a_stack(), plane, {})
        assert f"//armature_{plane}:" in environment["ARMATURE_DATABASE_URL"]
        assert f"//armature_{plane}_worker:" in environment["ARMATURE_WORKER_DATABASE_URL"]
        assert "ARMATURE_OWNER_DATABASE_URL" not in environment
        assert not any("armature_owner" in value for value in environment.values())


def test_only_a_migration_is_given_the_owner() -> None:
    environment = settings.of_migration(a_stack(), "records", {})

    assert "//armature_owner:" in environment["ARMATURE_OWNER_DATABASE_URL"]


def test_only_metadata_is_given_the_bootstrap_key() -> None:
    holders = [p for p in PLANES if "arm_1_2" in settings.of_plane(a_stack(), p, {}).values()]

    assert holders == ["metadata"]


def test_the_gateway_knows_the_planes_and_no_server_behind_them() -> None:
    environment = settings.of_gateway(a_stack(), {})

    assert environment["ARMATURE_RECORDS_ADDRESS"] == "127.0.0.1:7702"
    assert environment["ARMATURE_ADDRESS"] == "127.0.0.1:7700"
    assert not {"ARMATURE_DATABASE_URL", "ARMATURE_NATS_URL"} & armature(environment)


def test_the_code_of_the_checkout_and_its_stubs_are_on_the_path() -> None:
    assert settings.of_gateway(a_stack(), {})["PYTHONPATH"] == "/checkout:/checkout/protos"


def test_a_users_settings_reach_services_except_where_a_piece_is() -> None:
    theirs = {"ARMATURE_LOG_LEVEL": "DEBUG", "ARMATURE_DATABASE_URL": "postgresql://admin@db/x"}

    gateway = settings.of_gateway(a_stack(), theirs)
    records = settings.of_plane(a_stack(), "records", theirs)

    assert gateway["ARMATURE_LOG_LEVEL"] == "DEBUG"
    assert "ARMATURE_DATABASE_URL" not in gateway
    assert "armature_records" in records["ARMATURE_DATABASE_URL"]


def test_calls_within_the_stack_avoid_the_users_proxy() -> None:
    environment = settings.of_gateway(a_stack(), {"NO_PROXY": "intranet"})

    assert environment["no_proxy"].split(",") == ["intranet", "127.0.0.1", "localhost"]


def test_pieces_are_here_unless_a_setting_says_elsewhere() -> None:
    assert elsewhere.from_environment({"PATH": "/bin"}) == elsewhere.Elsewhere()

    away = elsewhere.from_environment(
        {
            "ARMATURE_NATS_URL": "nats://n",
            "ARMATURE_S3_ENDPOINT": "https://s3",
            "ARMATURE_S3_ACCESS_KEY": "k",
            "ARMATURE_S3_SECRET_KEY": "s",
        }
    )

    assert away.nats_url == "nats://n"
    assert away.store is not None
    assert away.store.region == "us-east-1"
    assert away.database_url is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ARMATURE_S3_ENDPOINT": "s3:9000"}, "needs http"),
        ({"ARMATURE_S3_ENDPOINT": "http://s3"}, "ARMATURE_S3_ACCESS_KEY must be"),
    ],
)
def test_half_of_an_s3_elsewhere_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(StackError, match=message):
        elsewhere.from_environment(given)


def test_a_setting_of_one_service_reaches_that_one_alone() -> None:
    given = {
        "ARMATURE_LOG_LEVEL": "debug",
        "ARMATURE_RECORDS__MAX_BATCH": "500",
        "ARMATURE_GATEWAY__GZIP_LEVEL": "0",
        "ARMATURE_RECORD__MAX_BATCH": "7",  # no service of ours: all of them refuse it
    }
    named = {p: settings.of_plane(a_stack(), p, given) for p in PLANES}
    named["gateway"] = settings.of_gateway(a_stack(), given)
    for name, environment in named.items():
        assert environment["ARMATURE_LOG_LEVEL"] == "debug"
        assert environment["ARMATURE_RECORD__MAX_BATCH"] == "7"
        assert environment.get("ARMATURE_MAX_BATCH") == ("500" if name == "records" else None)
        assert environment.get("ARMATURE_GZIP_LEVEL") == ("0" if name == "gateway" else None)
        assert not {"ARMATURE_RECORDS__MAX_BATCH", "ARMATURE_GATEWAY__GZIP_LEVEL"} & {*environment}
