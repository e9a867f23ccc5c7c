from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class TabularFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TABULAR_FORMAT_UNSPECIFIED: _ClassVar[TabularFormat]
    TABULAR_FORMAT_CSV: _ClassVar[TabularFormat]
    TABULAR_FORMAT_NDJSON: _ClassVar[TabularFormat]
TABULAR_FORMAT_UNSPECIFIED: TabularFormat
TABULAR_FORMAT_CSV: TabularFormat
TABULAR_FORMAT_NDJSON: TabularFormat
