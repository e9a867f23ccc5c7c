"""The metadata plane: what each workspace defines, who belongs to it, and what they may do."""

import sys
from uuid import UUID

from armature.metadata.v1 import (
    access_service_pb2_grpc,
    audit_service_pb2_grpc,
    field_service_pb2_grpc,
    flag_service_pb2_grpc,
    link_type_service_pb2_grpc,
    object_service_pb2_grpc,
    schema_service_pb2_grpc,
    unique_constraint_service_pb2_grpc,
    view_service_pb2_grpc,
    workspace_service_pb2_grpc,
)

from kit import clients
from kit.journal import Journal
from kit.service import App, Service, Wiring, main
from services.metadata.consumer import FieldJobs
from services.metadata.logic.keys import Key, parse_key
from services.metadata.model import Limits
from services.metadata.operations import activity
from services.metadata.operations.authentication import Authenticator
from services.metadata.operations.catalogues import Catalogues
from services.metadata.operations.flags import Flags
from services.metadata.operations.oidc import Oidc
from services.metadata.operations.sealing import Seal
from services.metadata.operations.versions import Versions
from services.metadata.operations.workspaces import bootstrap
from services.metadata.servicers.access import AccessServicer
from services.metadata.servicers.audit import AuditServicer
from services.metadata.servicers.blueprint_parts import BlueprintParts
from services.metadata.servicers.counts import RecordCounts
from services.metadata.servicers.fields import FieldServicer
from services.metadata.servicers.flags import FlagServicer
from services.metadata.servicers.link_types import LinkTypeServicer
from services.metadata.servicers.objects import ObjectServicer
from services.metadata.servicers.schemas import SchemaServicer
from services.metadata.servicers.unique_constraints import UniqueConstraintServicer
from services.metadata.servicers.uses import RuleUses
from services.metadata.servicers.views import ViewServicer
from services.metadata.servicers.workspaces import WorkspaceServicer
from services.metadata.settings import Settings
from services.metadata.tables import metadata

PACKAGE = "armature.metadata.v1"


async def wire(app: App[Settings]) -> Wiring:
    """Make the workspace that the platform starts with, and put the service together."""
    settings = app.settings
    if settings.bootstrap_api_key:
        await bootstrap(app.db, *_first_key(settings))
    versions = Versions(app.bus)
    catalogues = Catalogues(versions, _limits(settings))
    seal = Seal(settings.internal_secret)
    journal = Journal(activity.recording(app.db, app.plane))
    flags_on = Flags(app.db, settings.environment)
    authenticator = Authenticator(
        app.db, app.worker_db, settings.internal_secret, _oidc(settings), flags_on, journal
    )
    workspaces = WorkspaceServicer(app.db, catalogues, seal)
    access = AccessServicer(app.db, catalogues, authenticator, seal)
    to_automation = clients.channel(settings.automation_address)
    uses = RuleUses(app.db, catalogues, to_automation)
    objects = ObjectServicer(app.db, catalogues, uses)
    fields = FieldServicer(app.db, catalogues, uses)
    together = UniqueConstraintServicer(app.db, catalogues)
    views = ViewServicer(app.db, catalogues)
    links = LinkTypeServicer(app.db, catalogues)
    jobs = FieldJobs(catalogues)
    to_records = clients.channel(settings.records_address)
    audit = AuditServicer(app.db)
    flags = FlagServicer(app.db, flags_on, authenticator)
    schemas = SchemaServicer(
        app.db,
        catalogues,
        versions,
        authenticator,
        RecordCounts(to_records),
        uses,
        BlueprintParts(app.db, to_automation),
    )
    return Wiring(
        servicers={
            f"{PACKAGE}.WorkspaceService": lambda server: (
                workspace_service_pb2_grpc.add_WorkspaceServiceServicer_to_server(
                    workspaces, server
                )
            ),
            f"{PACKAGE}.AccessService": lambda server: (
                access_service_pb2_grpc.add_AccessServiceServicer_to_server(access, server)
            ),
            f"{PACKAGE}.ObjectService": lambda server: (
                object_service_pb2_grpc.add_ObjectServiceServicer_to_server(objects, server)
            ),
            f"{PACKAGE}.FieldService": lambda server: (
                field_service_pb2_grpc.add_FieldServiceServicer_to_server(fields, server)
            ),
            f"{PACKAGE}.UniqueConstraintService": lambda server: (
                unique_constraint_service_pb2_grpc.add_UniqueConstraintServiceServicer_to_server(
                    together, server
                )
            ),
            f"{PACKAGE}.ViewService": lambda server: (
                view_service_pb2_grpc.add_ViewServiceServicer_to_server(views, server)
            ),
            f"{PACKAGE}.LinkTypeService": lambda server: (
                link_type_service_pb2_grpc.add_LinkTypeServiceServicer_to_server(links, server)
            ),
            f"{PACKAGE}.AuditService": lambda server: (
                audit_service_pb2_grpc.add_AuditServiceServicer_to_server(audit, server)
            ),
            f"{PACKAGE}.FlagService": lambda server: (
                flag_service_pb2_grpc.add_FlagServiceServicer_to_server(flags, server)
            ),
            f"{PACKAGE}.SchemaService": lambda server: (
                schema_service_pb2_grpc.add_SchemaServiceServicer_to_server(schemas, server)
            ),
        },
        authenticate=authenticator.authenticate,
        consumers=[(jobs.options(), jobs.handle)],
        background=[versions.listen],
        closing=[to_records.close, to_automation.close],
        journal=journal,
    )


def _first_key(settings: Settings) -> tuple[UUID, Key]:
    key = parse_key(settings.bootstrap_api_key)
    if key is None:
        sys.exit("settings: ARMATURE_BOOTSTRAP_API_KEY must be arm_<id hex>_<secret hex>")
    try:
        return UUID(settings.bootstrap_workspace_id), key
    except ValueError:
        sys.exit("settings: ARMATURE_BOOTSTRAP_WORKSPACE_ID must be a UUID")


def _limits(settings: Settings) -> Limits:
    return Limits(
        objects=settings.max_objects,
        fields=settings.max_fields,
        options=settings.max_options,
        views=settings.max_views,
        link_types=settings.max_link_types,
    )


def _oidc(settings: Settings) -> Oidc | None:
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience or not (settings.oidc_jwks_url or settings.oidc_jwks_file):
        sys.exit(
            "settings: ARMATURE_OIDC_ISSUER needs ARMATURE_OIDC_AUDIENCE, and"
            " ARMATURE_OIDC_JWKS_URL or ARMATURE_OIDC_JWKS_FILE"
        )
    return Oidc(
        settings.oidc_issuer,
        settings.oidc_audience,
        jwks_url=settings.oidc_jwks_url,
        jwks_file=settings.oidc_jwks_file,
    )


_AUDIT_DAYS = 400
_PARTITIONED = (("outbox", 3), ("audit_log", _AUDIT_DAYS), ("key_uses", _AUDIT_DAYS))
SERVICE = Service(
    "metadata", "services.metadata", Settings, metadata, wire, partitioned=_PARTITIONED
)

if __name__ == "__main__":
    main(SERVICE, __doc__)
