"""Answer RecordService calls: unpack, call, pack."""

from functools import partial
from typing import Any

from armature.records.v1 import (
    duplicate_service_pb2,
    duplicate_service_pb2_grpc,
    export_service_pb2,
    export_service_pb2_grpc,
    field_job_service_pb2,
    field_job_service_pb2_grpc,
    history_service_pb2,
    history_service_pb2_grpc,
    import_service_pb2,
    import_service_pb2_grpc,
    record_watch_service_pb2,
    record_watch_service_pb2_grpc,
    view_state_service_pb2,
    view_state_service_pb2_grpc,
)
from armature.records.v1 import record_service_pb2 as pb
from armature.records.v1 import record_service_pb2_grpc as rpc

from kit.calls import Authenticate
from kit.db import Database
from kit.server import Servicers
from planes.definitions import Definitions
from services.records.operations.linking import LinkIndex
from services.records.operations.watches import Watches
from services.records.servicers.aggregating import Aggregating
from services.records.servicers.boarding import Boarding
from services.records.servicers.exporting import ExportServicer
from services.records.servicers.field_jobs import FieldJobServicer
from services.records.servicers.history import History, HistoryServicer
from services.records.servicers.importing import ImportServicer
from services.records.servicers.merging import DuplicateServicer
from services.records.servicers.searching import Searching
from services.records.servicers.view_states import ViewStateServicer
from services.records.servicers.watching import WatchServicer
from services.records.servicers.writing import Writing

RECORD_SERVICE = pb.DESCRIPTOR.services_by_name["RecordService"].full_name


class RecordServicer(Writing, Boarding, Aggregating, Searching, rpc.RecordServiceServicer):
    """All of RecordService."""


def servicers(servicer: RecordServicer) -> Servicers:
    return {RECORD_SERVICE: partial(rpc.add_RecordServiceServicer_to_server, servicer)}


def tabular_servicers(
    db: Database, definitions: Definitions, importing: ImportServicer, links: LinkIndex
) -> Servicers:
    """What takes whole documents in and hands them out."""
    exporting = ExportServicer(db, definitions, links)
    return {
        _name(import_service_pb2, "ImportService"): partial(
            import_service_pb2_grpc.add_ImportServiceServicer_to_server, importing
        ),
        _name(export_service_pb2, "ExportService"): partial(
            export_service_pb2_grpc.add_ExportServiceServicer_to_server, exporting
        ),
    }


def life_servicers(db: Database, definitions: Definitions, history: History) -> Servicers:
    """What tells of records' pasts, and of several that are one."""
    pasts = HistoryServicer(db, definitions, history)
    merging = DuplicateServicer(db, definitions)
    return {
        _name(history_service_pb2, "HistoryService"): partial(
            history_service_pb2_grpc.add_HistoryServiceServicer_to_server, pasts
        ),
        _name(duplicate_service_pb2, "DuplicateService"): partial(
            duplicate_service_pb2_grpc.add_DuplicateServiceServicer_to_server, merging
        ),
    }


def view_servicers(db: Database, definitions: Definitions) -> Servicers:
    """What tells of the entries of views."""
    states = ViewStateServicer(db, definitions)
    return {
        _name(view_state_service_pb2, "ViewStateService"): partial(
            view_state_service_pb2_grpc.add_ViewStateServiceServicer_to_server, states
        ),
    }


def job_servicers(db: Database) -> Servicers:
    """What shows the jobs that change fields' data."""
    jobs = FieldJobServicer(db)
    return {
        _name(field_job_service_pb2, "FieldJobService"): partial(
            field_job_service_pb2_grpc.add_FieldJobServiceServicer_to_server, jobs
        ),
    }


def watch_servicers(
    db: Database,
    definitions: Definitions,
    watches: Watches,
    authenticate: Authenticate,
    links: LinkIndex,
) -> Servicers:
    """What tells of records as they change."""
    watching = WatchServicer(db, definitions, watches, authenticate, links)
    return {
        _name(record_watch_service_pb2, "RecordWatchService"): partial(
            record_watch_service_pb2_grpc.add_RecordWatchServiceServicer_to_server, watching
        ),
    }


def _name(module: Any, service: str) -> str:
    return str(module.DESCRIPTOR.services_by_name[service].full_name)
