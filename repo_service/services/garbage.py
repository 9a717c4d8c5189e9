"""Bytes that nobody needs, and bytes that changed: staging, scratch, unreferenced blobs, fixity.

A blob leaves in steps of its own (see `blobs`): unreferenced, it rests in quarantine for a week; then it is marked
``deleting``, its bytes go, and at last its row.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import islice
from typing import TypeVar

import structlog
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects import postgresql, sqlite

from repo_service.context import Context
from repo_service.models import Blob, File, Job, Upload
from repo_service.services import processing
from repo_service.services.blobs import CORRUPT, DELETING, MISSING, PRESENT, QUARANTINED
from repo_service.storage.port import BLOBS, STAGING, ObjectMissing

T = TypeVar("T")

QUARANTINE = timedelta(days=7)
STRANGER = timedelta(days=1)  # staged bytes that no upload and no job knows
YOUNG = timedelta(hours=1)
REVERIFY = timedelta(days=90)
FIXITY_BYTES = 256 * 2**20  # hashed in one pass
BATCH = 500

_USED = select(File.id).where(File.sha256 == Blob.sha256).exists()
_log = structlog.get_logger(__name__)


def sweep_staging(ctx: Context) -> int:
    """Remove staged bytes of ended uploads, of steps that no longer run, and of nobody; answer how many."""
    removed = 0
    for batch in _batches(ctx.store.scan(STAGING)):
        names = [found.key.removeprefix(STAGING) for found in batch]
        owners = {name: processing.claim_of_staged(name) for name in names}
        job_ids = {owner[0] for owner in owners.values() if owner}
        with ctx.db.read() as session:
            running = {
                (job_id, fence)
                for job_id, fence in session.execute(
                    select(Job.id, Job.fence).where(Job.id.in_(job_ids), Job.state == "running")
                )
            }
            known = select(Upload.id, Upload.state).where(Upload.id.in_(names))
            uploads = dict(session.execute(known).all())
        for name, found in zip(names, batch, strict=True):
            owner = owners[name]
            if owner is not None:
                wanted = owner in running
            elif name in uploads:
                wanted = uploads[name] in ("open", "finishing")
            else:
                wanted = found.modified > ctx.clock() - STRANGER
            if not wanted:
                ctx.store.delete(found.key)
                removed += 1
    return removed


def sweep_scratch(ctx: Context) -> int:
    """Remove the private folders of steps that no longer run; answer how many."""
    root = processing.scratch_root(ctx)
    if not root.is_dir():
        return 0
    folders = list(root.iterdir())
    with ctx.db.read() as session:
        running = {
            processing.scratch_name(job_id, fence)
            for job_id, fence in session.execute(select(Job.id, Job.fence).where(Job.state == "running"))
        }
    idle = [folder for folder in folders if folder.name not in running]
    for folder in idle:
        shutil.rmtree(folder, ignore_errors=True)
    return len(idle)


def adopt_unknown(ctx: Context) -> int:
    """Give a row, in quarantine, to each blob without one: the trace of a crash between put and commit."""
    adopted = 0
    for batch in _batches(ctx.store.scan(BLOBS)):
        sizes = {found.key.removeprefix(BLOBS): found.size for found in batch}
        with ctx.db.read() as session:
            known = set(session.scalars(select(Blob.sha256).where(Blob.sha256.in_(sizes))))
        strange = {sha256: size for sha256, size in sizes.items() if sha256 not in known}
        adopt(ctx, strange)
        adopted += len(strange)
    return adopted


def adopt(ctx: Context, sizes: Mapping[str, int]) -> None:
    """Give rows, in quarantine, to blobs, SHA-256 to size; one that has a row by now keeps it."""
    if not sizes:
        return
    now = ctx.clock()
    insert = sqlite.insert if ctx.db.is_sqlite else postgresql.insert
    rows = [
        {"sha256": sha256, "size": size, "state": QUARANTINED, "created_at": now, "unreferenced_since": now}
        for sha256, size in sizes.items()
    ]
    with ctx.db.write() as session:
        session.execute(insert(Blob).values(rows).on_conflict_do_nothing())


def quarantine(ctx: Context) -> int:
    """Mark blobs that nothing refers to; answer how many."""
    idle = (Blob.state == PRESENT, Blob.created_at <= ctx.clock() - YOUNG)
    with ctx.db.read() as session:
        found = list(session.scalars(select(Blob.sha256).where(*idle, ~_USED).limit(BATCH)))
    return rest(ctx, found, *idle) if found else 0


def rest(ctx: Context, sha256s: Sequence[str], *idle: ColumnElement[bool]) -> int:
    """Put those of these blobs into quarantine that are idle and that nothing refers to; answer how many.

    They are held before they are judged: a statement that had to wait for a row sees the row as it is by then, but the
    files as they were when it began (PostgreSQL, "Read Committed"), without those of whoever it waited for. A blob that
    somebody holds is being referred to, and left.
    """
    rows = select(Blob.sha256).where(Blob.sha256.in_(sha256s)).with_for_update(skip_locked=True)
    with ctx.db.write() as session:
        held = session.scalars(rows).all()
        moved = session.scalars(
            update(Blob)
            .where(Blob.sha256.in_(held), *idle, ~_USED)
            .values(state=QUARANTINED, unreferenced_since=ctx.clock())
            .returning(Blob.sha256)
            .execution_options(synchronize_session=False)
        ).all()
    return len(moved)


def delete_quarantined(ctx: Context) -> int:
    """Delete what has rested long enough, and finish deletions that were cut short; answer how many."""
    now = ctx.clock()
    rested = (Blob.state == QUARANTINED, Blob.unreferenced_since <= now - QUARANTINE, ~_USED)
    leaving = select(Blob.sha256).where(Blob.state == DELETING).limit(BATCH)
    with ctx.db.read() as session:
        ripe = list(session.scalars(select(Blob.sha256).where(*rested).limit(BATCH)))
        cut_short = list(session.scalars(leaving))
    for sha256 in ripe:
        with ctx.db.write() as session:
            marked = session.execute(
                update(Blob)
                .where(Blob.sha256 == sha256, *rested)
                .values(state=DELETING)
                .returning(Blob.sha256)
                .execution_options(synchronize_session=False)
            ).one_or_none()
        if marked is not None:
            cut_short.append(sha256)
    return sum(_delete(ctx, sha256) for sha256 in cut_short)


def _delete(ctx: Context, sha256: str) -> bool:
    """Delete the bytes and the row of a blob that is leaving; whether it still was.

    Its row is held meanwhile: where two sweep at once, the other one may have deleted both, and the same bytes may have
    come again since.
    """
    leaving = select(Blob).where(Blob.sha256 == sha256, Blob.state == DELETING)
    with ctx.db.write() as session:
        blob = session.scalar(leaving.with_for_update())
        if blob is None:
            return False
        ctx.store.delete(BLOBS + sha256)
        session.delete(blob)
    return True


def check_fixity(ctx: Context, budget: int = FIXITY_BYTES) -> int:
    """Hash the blobs that were not hashed for longest, up to so many bytes; answer how many are missing or changed."""
    due = (
        select(Blob)
        .where(
            Blob.state.in_((PRESENT, MISSING, CORRUPT)),
            (Blob.verified_at.is_(None)) | (Blob.verified_at <= ctx.clock() - REVERIFY),
        )
        .order_by(Blob.verified_at.is_not(None), Blob.verified_at)
        .limit(BATCH)
    )
    with ctx.db.read() as session:
        blobs = list(session.scalars(due))
    damaged = 0
    for blob in blobs:
        state = condition(ctx, blob.sha256)
        if state != PRESENT:
            damaged += 1
            _log.error("blob_damaged", sha256=blob.sha256, state=state)
        with ctx.db.write() as session:
            session.execute(
                update(Blob)
                .where(Blob.sha256 == blob.sha256, Blob.state == blob.state)
                .values(state=state, verified_at=ctx.clock())
                .execution_options(synchronize_session=False)
            )
        budget -= blob.size
        if budget <= 0:
            break
    return damaged


def condition(ctx: Context, sha256: str) -> str:
    """How the bytes of a blob are: present, missing or corrupt. Raises StorageError when that cannot be told now."""
    digest = hashlib.sha256()
    try:
        with closing(ctx.store.read(BLOBS + sha256)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
    except ObjectMissing:
        return MISSING
    return PRESENT if digest.hexdigest() == sha256 else CORRUPT


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    while batch := list(islice(items, BATCH)):
        yield batch
