from armature.records.v1 import field_job_pb2 as _field_job_pb2
from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetFieldJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetFieldJobResponse(_message.Message):
    __slots__ = ("field_job",)
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    field_job: _field_job_pb2.FieldJob
    def __init__(self, field_job: _Optional[_Union[_field_job_pb2.FieldJob, _Mapping]] = ...) -> None: ...

class ListFieldJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFieldJobsResponse(_message.Message):
    __slots__ = ("field_jobs", "next_page_token")
    FIELD_JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    field_jobs: _containers.RepeatedCompositeFieldContainer[_field_job_pb2.FieldJob]
    next_page_token: str
    def __init__(self, field_jobs: _Optional[_Iterable[_Union[_field_job_pb2.FieldJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelFieldJobRequest(_message.Message):
    __slots__ = ("id", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    request_id: str
    def __init__(self, id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelFieldJobResponse(_message.Message):
    __slots__ = ("field_job",)
    FIELD_JOB_FIELD_NUMBER: _ClassVar[int]
    field_job: _field_job_pb2.FieldJob
    def __init__(self, field_job: _Optional[_Union[_field_job_pb2.FieldJob, _Mapping]] = ...) -> None: ...
