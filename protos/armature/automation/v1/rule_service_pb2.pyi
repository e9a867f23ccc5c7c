import datetime

from armature.automation.v1 import rule_pb2 as _rule_pb2
from armature.automation.v1 import workflow_pb2 as _workflow_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateRuleRequest(_message.Message):
    __slots__ = ("rule", "request_id")
    RULE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    rule: _rule_pb2.Rule
    request_id: str
    def __init__(self, rule: _Optional[_Union[_rule_pb2.Rule, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateRuleResponse(_message.Message):
    __slots__ = ("rule", "webhook_secret")
    RULE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_SECRET_FIELD_NUMBER: _ClassVar[int]
    rule: _rule_pb2.Rule
    webhook_secret: str
    def __init__(self, rule: _Optional[_Union[_rule_pb2.Rule, _Mapping]] = ..., webhook_secret: _Optional[str] = ...) -> None: ...

class RotateRuleSecretRequest(_message.Message):
    __slots__ = ("rule", "end_old", "request_id")
    RULE_FIELD_NUMBER: _ClassVar[int]
    END_OLD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    rule: str
    end_old: bool
    request_id: str
    def __init__(self, rule: _Optional[str] = ..., end_old: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class RotateRuleSecretResponse(_message.Message):
    __slots__ = ("webhook_secret", "old_expire_time")
    WEBHOOK_SECRET_FIELD_NUMBER: _ClassVar[int]
    OLD_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    webhook_secret: str
    old_expire_time: _timestamp_pb2.Timestamp
    def __init__(self, webhook_secret: _Optional[str] = ..., old_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetRuleRequest(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: str
    def __init__(self, rule: _Optional[str] = ...) -> None: ...

class GetRuleResponse(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: _rule_pb2.Rule
    def __init__(self, rule: _Optional[_Union[_rule_pb2.Rule, _Mapping]] = ...) -> None: ...

class ListRulesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRulesResponse(_message.Message):
    __slots__ = ("rules", "next_page_token")
    RULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[_rule_pb2.Rule]
    next_page_token: str
    def __init__(self, rules: _Optional[_Iterable[_Union[_rule_pb2.Rule, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateRuleRequest(_message.Message):
    __slots__ = ("rule", "changes", "update_mask", "request_id", "etag")
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    rule: str
    changes: _rule_pb2.Rule
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    etag: str
    def __init__(self, rule: _Optional[str] = ..., changes: _Optional[_Union[_rule_pb2.Rule, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class UpdateRuleResponse(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: _rule_pb2.Rule
    def __init__(self, rule: _Optional[_Union[_rule_pb2.Rule, _Mapping]] = ...) -> None: ...

class DeleteRuleRequest(_message.Message):
    __slots__ = ("rule", "request_id", "etag")
    RULE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    rule: str
    request_id: str
    etag: str
    def __init__(self, rule: _Optional[str] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteRuleResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckRuleRequest(_message.Message):
    __slots__ = ("rule", "event_id")
    RULE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    rule: str
    event_id: str
    def __init__(self, rule: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class CheckRuleResponse(_message.Message):
    __slots__ = ("starts", "reason", "effects")
    STARTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    starts: bool
    reason: str
    effects: _containers.RepeatedCompositeFieldContainer[_workflow_pb2.Effect]
    def __init__(self, starts: _Optional[bool] = ..., reason: _Optional[str] = ..., effects: _Optional[_Iterable[_Union[_workflow_pb2.Effect, _Mapping]]] = ...) -> None: ...
