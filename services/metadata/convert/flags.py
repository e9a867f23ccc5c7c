"""Feature flags as messages."""

from armature.common.v1 import actor_pb2
from armature.metadata.v1 import flag_pb2

from kit.clock import to_timestamp
from services.metadata.logic.flags import takes_in
from services.metadata.model import Flag


def flag_message(found: Flag) -> flag_pb2.Flag:
    return flag_pb2.Flag(
        key=found.key,
        environment=found.environment,
        type=found.type,
        value_json=found.value,
        rollout_percentage=found.rollout_percentage,
        reason=found.reason,
        operator=actor_pb2.Actor(**found.operator),
        etag=str(found.version),
        create_time=to_timestamp(found.create_time),
        update_time=to_timestamp(found.update_time),
    )


def value_message(found: Flag, principal_id: str) -> flag_pb2.FlagValue:
    on = takes_in(found.key, found.rollout_percentage, principal_id)
    return flag_pb2.FlagValue(
        key=found.key,
        type=found.type,
        on=on,
        value_json=found.value if on else b"",
        environment=found.environment,
    )
