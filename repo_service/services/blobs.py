"""The rows of blobs: how bytes come to be referenced, and how they leave when nothing refers to them any more.

Bytes are put first and referenced in the same commit as their row. On the way out the order is turned round: a blob
without references rests in quarantine, is marked ``deleting`` in a commit, loses its bytes, and stays as ``deleted``
for a day. So whoever put bytes and commits meanwhile always meets the row, and never refers to bytes that are gone.
"""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Blob
from repo_service.storage.port import BLOBS, StorageError, stat

PRESENT = "present"
QUARANTINED = "quarantined"
DELETING = "deleting"
DELETED = "deleted"
MISSING = "missing"
CORRUPT = "corrupt"


class BlobLeaves(StorageError):
    """These bytes were on their way out while they were put: put them again."""


def refer(session: Session, ctx: Context, sizes: Mapping[str, int]) -> None:
    """Make sure of the rows of blobs, SHA-256 to size, whose bytes were just kept, before something refers to them.

    Raises BlobLeaves when the bytes have to be put once more.
    """
    if not sizes:
        return
    now = ctx.clock()
    known = select(Blob.sha256, Blob.state).where(Blob.sha256.in_(sizes)).order_by(Blob.sha256).with_for_update()
    for sha256, state in session.execute(known):
        if state == DELETING or (state == DELETED and stat(ctx.store, BLOBS + sha256) is None):
            raise BlobLeaves(sha256)
    insert = sqlite.insert if ctx.db.is_sqlite else postgresql.insert
    rows = insert(Blob).values(
        [
            {"sha256": sha256, "size": size, "state": PRESENT, "created_at": now, "verified_at": now}
            for sha256, size in sorted(sizes.items())
        ]
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=[Blob.sha256],
            set_={
                "state": PRESENT,
                "size": rows.excluded.size,
                "verified_at": now,
                "unreferenced_since": None,
            },
        ).execution_options(synchronize_session=False, populate_existing=True)
    )
