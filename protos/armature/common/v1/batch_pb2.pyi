from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class BatchMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BATCH_MODE_UNSPECIFIED: _ClassVar[BatchMode]
    BATCH_MODE_ATOMIC: _ClassVar[BatchMode]
    BATCH_MODE_PARTIAL: _ClassVar[BatchMode]
BATCH_MODE_UNSPECIFIED: BatchMode
BATCH_MODE_ATOMIC: BatchMode
BATCH_MODE_PARTIAL: BatchMode
