import datetime

from armature.events.v1 import event_admin_service_pb2 as _event_admin_service_pb2
from armature.events.v1 import replay_pb2 as _replay_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplayDeadLettersRequest(_message.Message):
    __slots__ = ("filter", "dry_run", "rate", "request_id")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    filter: _event_admin_service_pb2.DeadLetterFilter
    dry_run: bool
    rate: int
    request_id: str
    def __init__(self, filter: _Optional[_Union[_event_admin_service_pb2.DeadLetterFilter, _Mapping]] = ..., dry_run: _Optional[bool] = ..., rate: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReplayDeadLettersResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: _replay_pb2.Replay
    def __init__(self, replay: _Optional[_Union[_replay_pb2.Replay, _Mapping]] = ...) -> None: ...

class ReplayEventsRequest(_message.Message):
    __slots__ = ("subscription_id", "from_time", "to_time", "after_position", "types", "dry_run", "rate", "request_id", "workflow")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    TO_TIME_FIELD_NUMBER: _ClassVar[int]
    AFTER_POSITION_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    from_time: _timestamp_pb2.Timestamp
    to_time: _timestamp_pb2.Timestamp
    after_position: int
    types: _containers.RepeatedScalarFieldContainer[str]
    dry_run: bool
    rate: int
    request_id: str
    workflow: str
    def __init__(self, subscription_id: _Optional[str] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., after_position: _Optional[int] = ..., types: _Optional[_Iterable[str]] = ..., dry_run: _Optional[bool] = ..., rate: _Optional[int] = ..., request_id: _Optional[str] = ..., workflow: _Optional[str] = ...) -> None: ...

class ReplayEventsResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: _replay_pb2.Replay
    def __init__(self, replay: _Optional[_Union[_replay_pb2.Replay, _Mapping]] = ...) -> None: ...

class RecoverDeliveriesRequest(_message.Message):
    __slots__ = ("subscription_id", "from_time", "dry_run", "rate", "request_id")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    from_time: _timestamp_pb2.Timestamp
    dry_run: bool
    rate: int
    request_id: str
    def __init__(self, subscription_id: _Optional[str] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dry_run: _Optional[bool] = ..., rate: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RecoverDeliveriesResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: _replay_pb2.Replay
    def __init__(self, replay: _Optional[_Union[_replay_pb2.Replay, _Mapping]] = ...) -> None: ...

class GetReplayRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetReplayResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: _replay_pb2.Replay
    def __init__(self, replay: _Optional[_Union[_replay_pb2.Replay, _Mapping]] = ...) -> None: ...

class ListReplaysRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReplaysResponse(_message.Message):
    __slots__ = ("replays", "next_page_token")
    REPLAYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    replays: _containers.RepeatedCompositeFieldContainer[_replay_pb2.Replay]
    next_page_token: str
    def __init__(self, replays: _Optional[_Iterable[_Union[_replay_pb2.Replay, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelReplayRequest(_message.Message):
    __slots__ = ("id", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelReplayResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: _replay_pb2.Replay
    def __init__(self, replay: _Optional[_Union[_replay_pb2.Replay, _Mapping]] = ...) -> None: ...
