"""The environment each service process gets: what it may know, and nothing beyond."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cli.stack.credentials import OWNER
from cli.stack.description import Stack
from cli.stack.elsewhere import SETTINGS as ELSEWHERE_SETTINGS
from cli.stack.planes import PLANES, service_role, worker_role
from cli.stack.ports import Ports, address


def of_plane(stack: Stack, plane: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """For `python -m services.<plane> serve relay work`."""
    roles = stack["postgres"]["roles"]
    store = stack["s3"]
    settings = _common(stack, _for(plane, inherited)) | {
        "ARMATURE_ADDRESS": address(Ports(stack["port_base"]).plane(plane)),
        "ARMATURE_METRICS_ADDRESS": address(Ports(stack["port_base"]).metrics(plane)),
        "ARMATURE_DATABASE_URL": roles[service_role(plane)],
        "ARMATURE_WORKER_DATABASE_URL": roles[worker_role(plane)],
        "ARMATURE_NATS_URL": stack["nats"]["url"],
        "ARMATURE_S3_ENDPOINT": store["endpoint"],
        "ARMATURE_S3_ACCESS_KEY": store["access_key"],
        "ARMATURE_S3_SECRET_KEY": store["secret_key"],
        "ARMATURE_S3_BUCKET": store["bucket"],
        "ARMATURE_S3_REGION": store["region"],
    }
    if plane == "metadata":
        settings |= {
            "ARMATURE_BOOTSTRAP_API_KEY": stack["api_key"],
            "ARMATURE_BOOTSTRAP_WORKSPACE_ID": stack["workspace_id"],
        }
    return settings


def of_migration(stack: Stack, plane: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """For `python -m services.<plane> migrate`: alone in being given the owner's login."""
    owner = {"ARMATURE_OWNER_DATABASE_URL": stack["postgres"]["roles"][OWNER]}
    return of_plane(stack, plane, inherited) | owner


def of_gateway(stack: Stack, inherited: Mapping[str, str]) -> dict[str, str]:
    """For `python -m gateway serve`, which reaches planes and no server behind them."""
    own = {
        "ARMATURE_ADDRESS": address(Ports(stack["port_base"]).gateway),
        "ARMATURE_READY_PLANES": ",".join(stack.get("grpc") or PLANES),
    }
    return _common(stack, _for("gateway", inherited)) | own


def _for(service: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment with ARMATURE_<SERVICE>__<SETTING> as that setting, for that service alone:
    one environment tells all of them, and each refuses a setting that is not its own."""
    found = dict(inherited)
    for name in (*PLANES, "gateway"):
        lead = f"ARMATURE_{name.upper()}__"
        for key, value in inherited.items():
            if key.startswith(lead):
                del found[key]
                if name == service:
                    found[f"ARMATURE_{key.removeprefix(lead)}"] = value
    return found


def _common(stack: Stack, inherited: Mapping[str, str]) -> dict[str, str]:
    ports = Ports(stack["port_base"])
    root = Path(stack["root"])
    dialled = {f"ARMATURE_{p.upper()}_ADDRESS": address(ports.plane(p)) for p in PLANES}
    kept = {name: value for name, value in inherited.items() if name not in ELSEWHERE_SETTINGS}
    return (
        kept
        | _without_proxies(kept, stack)
        | dialled
        | {
            "PYTHONPATH": f"{root}:{root / 'protos'}",
            "PYTHONUNBUFFERED": "1",
            "ARMATURE_INTERNAL_SECRET": stack["internal_secret"],
            "ARMATURE_OTLP_ENDPOINT": stack["otlp_endpoint"],
            "ARMATURE_ENVIRONMENT": "development",
            "ARMATURE_ALLOW_LOOPBACK_WEBHOOKS": "true",
        }
    )


def _without_proxies(inherited: Mapping[str, str], stack: Stack) -> dict[str, str]:
    """Keep calls within the stack away from a proxy that the user's environment names."""
    own = {"127.0.0.1", "localhost", urlsplit(stack["s3"]["endpoint"]).hostname or "localhost"}
    given = inherited.get("no_proxy") or inherited.get("NO_PROXY") or ""
    listed = ",".join([*filter(None, given.split(",")), *sorted(own)])
    return {"no_proxy": listed, "NO_PROXY": listed}
