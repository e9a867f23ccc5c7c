"""Tell whom a credential stands for: an API key, a plane's own credential, or a user's token.

Whatever is wrong with a credential, the answer is the same. What is read here is what is true now;
`Authenticator.authenticate` may answer from less than a second ago.
"""

import time
from dataclasses import dataclass, replace
from uuid import UUID

from kit import credentials
from kit.caller import NOBODY, Caller
from kit.credentials import Internal
from kit.db import Database, Row
from kit.errors import Unauthenticated
from kit.journal import Journal
from services.metadata.logic.keys import Key, parse_key
from services.metadata.logic.roles import PERMISSIONS, Grant, granted_by
from services.metadata.model import ApiKey, Member
from services.metadata.operations import roles
from services.metadata.operations.flags import Flags
from services.metadata.operations.oidc import Oidc
from services.metadata.store import access as store

SYSTEM = "system"
_FRESH_SECONDS = 0.8
_MAX_ENTRIES = 20_000


def invalid() -> Unauthenticated:
    return Unauthenticated("CREDENTIALS_INVALID", "the credentials are not valid")


@dataclass(slots=True)
class _Known:
    caller: Caller
    at: float


class Authenticator:
    """Both for this service's own calls and for AccessService.Authenticate."""

    def __init__(
        self,
        db: Database,
        worker_db: Database,
        secret: str,
        oidc: Oidc | None,
        flags: Flags,
        journal: Journal,
    ) -> None:
        self._flags = flags
        self._journal = journal
        self._db = db
        self._worker_db = worker_db
        self._secret = secret
        self._oidc = oidc
        self._known: dict[str, _Known] = {}

    async def authenticate(self, credential: str) -> Caller:
        """For calls to this service: at most a moment old, and without what was revoked here."""
        known = self._known.get(credential)
        now = time.monotonic()
        if known is not None and now - known.at < _FRESH_SECONDS:
            return known.caller
        self._known.pop(credential, None)
        caller = await self.identify(credential)
        if len(self._known) >= _MAX_ENTRIES:
            self._known.clear()
        self._known[credential] = _Known(caller, now)
        return caller

    def forget(self) -> None:
        """After a revocation or a change of roles."""
        self._known.clear()

    async def identify(self, credential: str) -> Caller:
        """Whom it stands for now, and the flags that are on for it; UNAUTHENTICATED /
        CREDENTIALS_INVALID for nobody."""
        caller = await self._whom(credential)
        if caller.workspace_id == NOBODY:
            return caller
        on = await self._flags.on_for(caller.workspace_id, caller.principal_id)
        return replace(caller, flags=on) if on else caller

    async def _whom(self, credential: str) -> Caller:
        if credential.startswith("arm_"):
            return await self._by_key(credential)
        if credentials.is_internal(credential):
            return await self._by_plane(credential)
        if self._oidc is not None:
            return await self._by_token(self._oidc, credential)
        raise invalid()

    async def _by_key(self, credential: str) -> Caller:
        key = parse_key(credential)
        if key is None:
            raise invalid()
        async with self._worker_db.across_workspaces() as tx:
            rows = await store.find_keys(tx, key.api_key_id)
            found = [row for row, digest in rows if key.opens(digest)]
            known = [] if found else await store.known_keys(tx, key.api_key_id)
        if not found:
            for one in known:
                self._note(key, one)
            raise invalid()
        row = found[0]
        granted = granted_by(row.role)
        if granted is None:
            async with self._db.transaction(row.workspace_id) as tx:
                granted = await roles.grant(tx, row.workspace_id, row.role)
        return _key_caller(row, credential, granted)

    def _note(self, key: Key, row: Row) -> None:
        """Somebody knows the id of a key, for the audit log of its workspace."""
        why = "SECRET_WRONG"
        if key.opens(bytes(row["secret_hash"])):
            why = "KEY_REVOKED" if row["revoked"] else "KEY_EXPIRED"
        self._journal.failed(row["workspace_id"], row["api_key_id"], row["display_name"], why)

    async def _by_plane(self, credential: str) -> Caller:
        subject = credentials.verify(self._secret, credential)
        if not subject.workspace_id:
            return Caller(NOBODY, "", SYSTEM, subject.plane, internal=True, credential=credential)
        try:
            workspace_id = UUID(subject.workspace_id)
        except ValueError:
            raise invalid() from None
        if subject.principal_id in {"", SYSTEM}:
            return Caller(
                workspace_id,
                SYSTEM,
                SYSTEM,
                "Armature",
                permissions=frozenset(PERMISSIONS),
                role=SYSTEM,
                internal=True,
                credential=credential,
            )
        return await self._as_principal(workspace_id, subject, credential)

    async def _as_principal(self, workspace_id: UUID, subject: Internal, credential: str) -> Caller:
        """With what the principal may do now, not when the credential was made."""
        async with self._db.transaction(workspace_id) as tx:
            member = await store.get_member(tx, workspace_id, subject.principal_id)
            if member is not None:
                granted = await roles.grant(tx, workspace_id, member.role)
                return _member_caller(workspace_id, member, credential, granted, internal=True)
            try:
                key = await store.get_valid_key(tx, workspace_id, UUID(subject.principal_id))
            except ValueError:
                raise invalid() from None
            if key is None:
                raise invalid()
            granted = await roles.grant(tx, workspace_id, key.role)
        return _key_caller(key, credential, granted, internal=True)

    async def _by_token(self, oidc: Oidc, credential: str) -> Caller:
        subject, workspace_id = await oidc.verify(credential)
        async with self._db.transaction(workspace_id) as tx:
            member = await store.get_member(tx, workspace_id, subject)
            if member is None:
                raise invalid()
            granted = await roles.grant(tx, workspace_id, member.role)
        return _member_caller(workspace_id, member, credential, granted)


def _key_caller(key: ApiKey, credential: str, granted: Grant, *, internal: bool = False) -> Caller:
    return Caller(
        key.workspace_id,
        str(key.api_key_id),
        "api_key",
        key.display_name,
        permissions=granted.permissions,
        access=granted.access,
        operator=key.operator and not internal,
        role=key.role,
        internal=internal,
        credential=credential,
        # What planes do for a principal is done by the workspace's days, whoever the owner is.
        time_zone="" if internal else key.time_zone,
        week_start="" if internal else key.week_start,
    )


def _member_caller(
    workspace_id: UUID,
    member: Member,
    credential: str,
    granted: Grant,
    *,
    internal: bool = False,
) -> Caller:
    return Caller(
        workspace_id,
        member.principal_id,
        member.kind,
        member.display_name,
        permissions=granted.permissions,
        access=granted.access,
        role=member.role,
        internal=internal,
        credential=credential,
        time_zone="" if internal else member.time_zone,
        week_start="" if internal else member.week_start,
    )
