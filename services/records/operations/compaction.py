"""Fold what writes appended to a set of view entries into its buckets, cut and joined to size."""

from uuid import UUID

from kit.db import Tx
from services.records.store import view_buckets as store
from services.records.store import view_states
from services.records.store.view_buckets import Bucket


async def compact(tx: Tx, workspace_id: UUID, object_id: UUID, set_id: UUID) -> int:
    """What a read counts is the same before, during and after. A set that is being built keeps one
    bucket for each group, into which its build counts. One transaction at a time does this."""
    if not await view_states.has_turn(tx, set_id):
        return 0
    folded = await store.fold(tx, workspace_id, set_id)
    if await view_states.place(tx, workspace_id, object_id, set_id) is not None:
        return folded
    buckets = await store.sizes(tx, workspace_id, set_id)
    follows = [*buckets[1:], None]
    for bucket, following in zip(buckets, follows, strict=True):
        if bucket.entries > store.MOST:
            high = None
            if following is not None and following.group_key == bucket.group_key:
                high = following.low
            await store.cut(tx, workspace_id, set_id, bucket, high)
    await _join(tx, workspace_id, set_id, buckets)
    return folded


async def _join(tx: Tx, workspace_id: UUID, set_id: UUID, buckets: list[Bucket]) -> None:
    into: Bucket | None = None
    for bucket in buckets:
        fits = (
            into is not None
            and into.group_key == bucket.group_key
            and bucket.entries < store.LEAST
            and into.entries + bucket.entries <= store.SIZE
        )
        if fits and into is not None:
            await store.join(tx, workspace_id, set_id, bucket, into.low)
            into = into._replace(entries=into.entries + bucket.entries)
        else:
            into = bucket
