"""Answer RecordService calls: unpack, call, pack."""

from functools import partial

from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1 import record_service_pb2_grpc as rpc

from kit.server import Servicers
from services.records.servicers.reading import Reading
from services.records.servicers.writing import Writing

RECORD_SERVICE = pb.DESCRIPTOR.services_by_name["RecordService"].full_name


class RecordServicer(Writing, Reading, rpc.RecordServiceServicer):
    """All of RecordService."""


def servicers(servicer: RecordServicer) -> Servicers:
    return {RECORD_SERVICE: partial(rpc.add_RecordServiceServicer_to_server, servicer)}
