"""The settings of the metadata service."""

from dataclasses import dataclass

from kit.settings import Settings as Base


@dataclass(frozen=True, kw_only=True)
class Settings(Base):
    """`ARMATURE_` and the upper-case name is where each value stands."""

    bootstrap_api_key: str = (
        ""  # arm_<id>_<secret>: made an admin's and operator's key at the start
    )
    bootstrap_workspace_id: str = ""  # of the workspace that this key is for
    oidc_issuer: str = ""  # users' tokens are refused without one
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    oidc_jwks_file: str = ""  # instead of the URL
    max_objects: int = 500  # of a workspace
    max_fields: int = 500  # of an object
    max_options: int = 300  # of a field; the platform's own bound is 300
    max_views: int = 200  # of an object
    max_link_types: int = 1000  # of a workspace, without those of relation fields
