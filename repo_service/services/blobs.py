"""The rows of blobs: how bytes come to be referenced, and how they are kept from leaving meanwhile.

Bytes come in the order ``announce``, keep (in the store), ``refer`` (in the commit that refers to them). A blob that
nothing refers to rests in quarantine for a week, is marked ``deleting`` in a commit, loses its bytes, then its row.
Whoever announced has a week until its commit; whoever comes while the bytes are going is told to try again.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Blob
from repo_service.storage.port import StorageError

PRESENT = "present"
QUARANTINED = "quarantined"
DELETING = "deleting"
MISSING = "missing"
CORRUPT = "corrupt"


class BlobLeaves(StorageError):
    """These bytes are on their way out: put them again in a moment."""


def announce(ctx: Context, sha256s: Collection[str]) -> None:
    """Say that these blobs are about to be kept and referred to, so that none is deleted in between.

    Raises BlobLeaves while one of them is being deleted; what is staged stays staged.
    """
    resting = select(Blob.sha256, Blob.state).where(Blob.sha256.in_(sha256s), Blob.state.in_((QUARANTINED, DELETING)))
    with ctx.db.read() as session:
        if session.execute(resting.limit(1)).first() is None:
            return
    with ctx.db.write() as session:
        states = session.execute(resting.order_by(Blob.sha256).with_for_update()).all()
        leaving = [sha256 for sha256, state in states if state == DELETING]
        if leaving:
            raise BlobLeaves(leaving[0])
        session.execute(
            update(Blob)
            .where(Blob.sha256.in_([sha256 for sha256, _ in states]))
            .values(unreferenced_since=ctx.clock())
            .execution_options(synchronize_session=False)
        )


def refer(session: Session, ctx: Context, sizes: Mapping[str, int]) -> None:
    """Make sure of the rows of blobs that were announced and kept, SHA-256 to size, before a row refers to them."""
    if not sizes:
        return
    now = ctx.clock()
    insert = sqlite.insert if ctx.db.is_sqlite else postgresql.insert
    rows = insert(Blob).values(
        [
            {"sha256": sha256, "size": size, "state": PRESENT, "created_at": now, "verified_at": now}
            for sha256, size in sorted(sizes.items())
        ]
    )
    fresh = {"state": PRESENT, "size": rows.excluded.size, "verified_at": now, "unreferenced_since": None}
    session.execute(rows.on_conflict_do_update(index_elements=[Blob.sha256], set_=fresh))
