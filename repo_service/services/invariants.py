"""What must hold between the database, the object store and the index; each check names what breaks it.

A check reads only. What is on its way (bytes just put, a change just written down) is given its time; what a check
suspects in a running installation it looks at twice before it says so.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, ScalarSelect, func, or_, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Blob, File, Job, Outbox, Passage, Resource, Upload
from repo_service.services import audit, blobs
from repo_service.services.outbox import INDEX
from repo_service.services.processing import claim_of_staged
from repo_service.storage.port import BLOBS, STAGING, ObjectMissing, Stored, stat

YOUNG_BYTES = timedelta(hours=1)  # put by a step that runs, and not yet committed
SECOND_LOOK = 2.0  # seconds until bytes that nobody knows are looked at again
YOUNG_OUTBOX = timedelta(minutes=10)
UNCLAIMED = timedelta(days=9)  # seven days of quarantine, and two for whoever clears up
PAGE = 500
WANTED = (blobs.PRESENT, blobs.MISSING, blobs.CORRUPT)  # states in which the bytes should be there, and right
HELD = (*WANTED, blobs.QUARANTINED)
LIVE_UPLOADS = ("open", "finishing")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold: its kind, the id or key that it is about, and what `mending` did about it."""

    kind: str
    object: str
    detail: str
    repaired: str = ""


Seen = Callable[[int], None]  # so many bytes were read
BlobRow = Row[str, int, str, datetime, datetime | None]


def blobs_and_rows(ctx: Context, seen: Seen) -> Iterator[Finding]:
    """missing_blob, wrong_size, wrong_bytes, orphan_blob: every object of the store beside every row, both in order."""
    strangers: list[Stored] = []
    for key, stored, row in _side_by_side(ctx):
        if row is None or row.state not in WANTED:
            if stored is not None and row is None:
                strangers.append(stored)
        elif stored is None:
            if _is_missing(ctx, key):
                yield Finding("missing_blob", key, "the bytes are not in the store")
        elif stored.size != row.size:
            yield Finding("wrong_size", key, f"{stored.size} bytes instead of {row.size}")
        elif (digest := digest_of(ctx, key, seen)) and digest != key:
            yield Finding("wrong_bytes", key, f"the bytes have the hash {digest}")
    for stored in _still_there(ctx, strangers, _is_unknown_blob):
        yield Finding("orphan_blob", stored.key.removeprefix(BLOBS), f"{stored.size} bytes that no row knows")


def unclaimed_blobs(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """orphan_blob: rows that nothing refers to and that nobody cleared up in time."""
    with ctx.db.read() as session:
        late = ctx.clock() - UNCLAIMED
        since = func.coalesce(Blob.unreferenced_since, Blob.verified_at, Blob.created_at)
        used = select(File.id).where(File.sha256 == Blob.sha256).exists()
        for sha256 in session.scalars(select(Blob.sha256).where(Blob.state.in_(HELD), since < late, ~used)):
            yield Finding("orphan_blob", sha256, "nothing refers to it any more, and it was not cleared up")


def staging(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """orphan_staging: bytes on their way that belong to no upload and no running step."""
    strangers = [stored for stored in ctx.store.scan(STAGING) if _is_unawaited(ctx, stored)]
    for stored in _still_there(ctx, strangers, _is_unawaited):
        yield Finding("orphan_staging", stored.key, f"{stored.size} bytes that nobody waits for")


def files(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """file_without_blob: a file whose bytes have no row, or a row that says they are gone."""
    with ctx.db.read() as session:
        held = select(Blob.sha256).where(Blob.sha256 == File.sha256, Blob.state.in_(HELD)).exists()
        for file in session.scalars(select(File).where(~held).order_by(File.id)):
            yield Finding("file_without_blob", file.id, f"{file.path} of resource {file.resource_id}: {file.sha256}")


def jobs(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """done_job_without_outputs, running_without_lease."""
    with ctx.db.read() as session:
        yield from _hollow_jobs(session)
        lost = ctx.clock() - timedelta(seconds=2 * ctx.settings.lease_seconds + ctx.settings.reconcile_seconds)
        wanted = select(Job).where(Job.state == "running", or_(Job.lease_until.is_(None), Job.lease_until < lost))
        for job in session.scalars(wanted.order_by(Job.id)):
            until = job.lease_until.isoformat() if job.lease_until else "never"
            yield Finding("running_without_lease", job.id, f"{job.step} of resource {job.resource_id}, until {until}")


def outbox(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """unsent_outbox: something that should have happened after a commit did not, for too long."""
    with ctx.db.read() as session:
        late = ctx.clock() - YOUNG_OUTBOX
        wanted = select(Outbox).where(Outbox.done_at.is_(None), Outbox.created_at < late)
        for row in session.scalars(wanted.order_by(Outbox.id)):
            yield Finding("unsent_outbox", row.id, f"{row.kind} {row.aggregate}, since {row.created_at.isoformat()}")


def index(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """indexed_not_in_database, in_database_not_indexed, stale_document; told only when they are so twice."""
    suspects = _index_differences(ctx)
    if suspects:
        again = set(_index_differences(ctx))
        yield from (finding for finding in suspects if finding in again)


def audit_chain(ctx: Context, _seen: Seen) -> Iterator[Finding]:
    """audit_chain_broken: a row of the audit trail was changed, removed or added."""
    with ctx.db.read() as session:
        for broken in audit.verify(session):
            yield Finding("audit_chain_broken", str(broken.seq), broken.reason)


CHECKS: tuple[Callable[[Context, Seen], Iterator[Finding]], ...] = (
    files,
    blobs_and_rows,
    unclaimed_blobs,
    staging,
    jobs,
    outbox,
    index,
    audit_chain,
)


def _side_by_side(ctx: Context) -> Iterator[tuple[str, Stored | None, BlobRow | None]]:
    """(hash, object, row) for every hash that the store or the database has, in order."""
    objects, rows = ctx.store.scan(BLOBS), _blob_rows(ctx)
    stored, row = next(objects, None), next(rows, None)
    while stored is not None or row is not None:
        keys = ([stored.key.removeprefix(BLOBS)] if stored else []) + ([row.sha256] if row else [])
        key = min(keys)
        here = stored if stored and stored.key == BLOBS + key else None
        there = row if row and row.sha256 == key else None
        yield key, here, there
        stored = next(objects, None) if here else stored
        row = next(rows, None) if there else row


def _blob_rows(ctx: Context) -> Iterator[BlobRow]:
    after = ""
    while True:
        with ctx.db.read() as session:
            wanted = select(Blob.sha256, Blob.size, Blob.state, Blob.created_at, Blob.verified_at)
            page = session.execute(wanted.where(Blob.sha256 > after).order_by(Blob.sha256).limit(PAGE)).all()
        if not page:
            return
        yield from page
        after = page[-1].sha256


def _is_missing(ctx: Context, sha256: str) -> bool:
    """Look again: the bytes may have come, or the row gone, while the two were read."""
    with ctx.db.read() as session:
        row = session.get(Blob, sha256)
    return row is not None and row.state in WANTED and stat(ctx.store, BLOBS + sha256) is None


def digest_of(ctx: Context, sha256: str, seen: Seen = lambda _: None) -> str:
    """The hash that the bytes of a blob really have; empty when they are not there."""
    digest = hashlib.sha256()
    try:
        with closing(ctx.store.read(BLOBS + sha256)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                seen(len(chunk))
    except ObjectMissing:
        return ""
    return digest.hexdigest()


def _still_there(ctx: Context, strangers: list[Stored], unknown: Callable[[Context, Stored], bool]) -> Iterator[Stored]:
    """Those that lie there unchanged and unknown a little later: what was just put is known by then."""
    if any(stored.modified > ctx.clock() - YOUNG_BYTES for stored in strangers):
        time.sleep(SECOND_LOOK)
    for stored in strangers:
        if stat(ctx.store, stored.key) == stored and unknown(ctx, stored):
            yield stored


def _is_unknown_blob(ctx: Context, stored: Stored) -> bool:
    """Whether no row knows an object, and no step or upload that is under way may still bring the row."""
    with ctx.db.read() as session:
        if session.get(Blob, stored.key.removeprefix(BLOBS)) is not None:
            return False
        under_way = select(Job.id).where(Job.state == "running"), select(Upload.id).where(Upload.state == "finishing")
        busy = any(session.scalar(found.limit(1)) for found in under_way)
    return not busy or stored.modified < ctx.clock() - YOUNG_BYTES


def _is_unawaited(ctx: Context, stored: Stored) -> bool:
    """Whether staged bytes belong to no upload that goes on and to no step that runs."""
    name = stored.key.removeprefix(STAGING)
    claim = claim_of_staged(name)
    with ctx.db.read() as session:
        if claim is not None:
            job = session.get(Job, claim[0])
            return job is None or job.state != "running" or job.fence != claim[1]
        upload = session.get(Upload, name)
        return upload is None or upload.state not in LIVE_UPLOADS


def _hollow_jobs(session: Session) -> Iterator[Finding]:
    """Done jobs that made more than is there."""
    files = _count(File.source_id == Job.file_id, File.step == Job.step)
    passages = _count(Passage.file_id == Job.file_id, Passage.step == Job.step)
    lost = or_(Job.made_files > files, Job.made_passages > passages)
    wanted = select(Job, files, passages).where(Job.state == "done", lost).order_by(Job.id)
    for job, file_count, passage_count in session.execute(wanted):
        made = f"{job.made_files} files and {job.made_passages} passages"
        detail = f"{job.step} of resource {job.resource_id} made {made}; {file_count} and {passage_count} are there"
        yield Finding("done_job_without_outputs", job.id, detail)


def _count(*where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).where(*where).correlate(Job).scalar_subquery()


def _index_differences(ctx: Context) -> list[Finding]:
    """The index beside the published resources, both in order of id; what waits in the outbox is not a fault yet."""
    found: list[Finding] = []
    indexed = dict(ctx.index.scan())
    with ctx.db.read() as session:
        waiting = set(_waiting_for_index(session))
        published = select(Resource.id, Resource.rev).where(Resource.state == "published").order_by(Resource.id)
        for resource_id, rev in session.execute(published):
            held = indexed.pop(resource_id, None)
            if resource_id in waiting:
                continue
            if held is None:
                found.append(Finding("in_database_not_indexed", resource_id, f"revision {rev}"))
            elif held != rev:
                found.append(Finding("stale_document", resource_id, f"indexed in revision {held} instead of {rev}"))
    for resource_id, rev in indexed.items():
        if resource_id not in waiting:
            found.append(Finding("indexed_not_in_database", resource_id, f"revision {rev} is not published"))
    return found


def _waiting_for_index(session: Session) -> Iterator[str]:
    waiting = select(Outbox.aggregate).where(Outbox.done_at.is_(None), Outbox.kind == INDEX)
    yield from session.scalars(waiting)
