"""The doctor: looks at every invariant, and puts right what can be put right without guessing."""

from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Blob, File, Job, Outbox, Resource
from repo_service.services import audit, blobs, garbage, indexing, invariants, jobs, outbox, upkeep
from repo_service.services.invariants import Finding, Seen
from repo_service.storage.port import BLOBS, stat

MENDER = "operator"
_log = structlog.get_logger(__name__)
Mend = Callable[[Context, Finding], str]


def examine(ctx: Context, seen: Seen = lambda _: None) -> list[Finding]:
    """Everything that does not hold, read-only. ``seen`` is told of each portion of bytes that was read."""
    return [finding for check in invariants.CHECKS for finding in check(ctx, seen)]


def repair(ctx: Context, findings: list[Finding]) -> list[Finding]:
    """Mend what can be mended; each finding comes back saying what was done, nothing where only a person can help."""
    mended = [replace(finding, repaired=MENDS[finding.kind](ctx, finding)) for finding in findings]
    done = [finding for finding in mended if finding.repaired]
    if done:
        with ctx.db.write() as session:
            for finding in done:
                audit.record(session, ctx, MENDER, "doctor.repair", finding.object[:100], kind=finding.kind)
    return mended


def _remake(ctx: Context, finding: Finding) -> str:
    """Bytes that are gone or wrong: made ones are made again; of given ones it is only written down that they are."""
    state = blobs.MISSING if finding.kind == "missing_blob" else blobs.CORRUPT
    with ctx.db.write() as session:
        blob = session.get(Blob, finding.object, with_for_update=True)
        if blob is not None and blob.state in invariants.WANTED:
            blob.state = state
    with ctx.db.read() as session:
        using = list(session.scalars(select(File).where(File.sha256 == finding.object)))
    again = [_make_again(ctx, file) for file in using if file.source_id is not None]
    given = [file for file in using if file.source_id is None]
    if given:
        _log.error("given_bytes_lost", sha256=finding.object, files=[file.id for file in given])
        return ""
    return "the step that made them runs again" if any(again) else ""


def _make_again(ctx: Context, made: File) -> bool:
    """Run the step again that made a file; whether it runs. A file that it replaced in the meantime is left."""

    def wanted(session: Session) -> tuple[str, str] | None:
        file = session.get(File, made.id)
        same = file is not None and file.sha256 == made.sha256
        return (made.source_id, made.step) if same and made.source_id else None

    return _run_again(ctx, made.resource_id, wanted)


def _run_again(ctx: Context, resource_id: str, wanted: Callable[[Session], tuple[str, str] | None]) -> bool:
    """Run a step again; which one of which file is asked when the resource is held, as by all who move its jobs."""
    with ctx.db.write() as session:
        jobs.lock(session, resource_id)
        found = wanted(session)
        if found is None:
            return False
        source = session.get_one(File, found[0])
        ready = jobs.reopen(session, ctx, source, [found[1]], following=frozenset({"failed", "cancelled"}))
    outbox.ring(ctx, ready)
    return bool(ready)


def _quarantine(ctx: Context, finding: Finding) -> str:
    """Unclaimed bytes get a row in quarantine: whoever clears up deletes them when their time is over."""
    stored = stat(ctx.store, BLOBS + finding.object)
    if stored is not None:
        garbage.adopt(ctx, {finding.object: stored.size})
    if garbage.rest(ctx, [finding.object], Blob.state.in_(invariants.HELD)):
        return "in quarantine, deleted when its time is over"
    return "in use by now, or gone"


def _unstage(ctx: Context, finding: Finding) -> str:
    ctx.store.delete(finding.object)
    return "deleted"


def _reattach(ctx: Context, finding: Finding) -> str:
    """A file without a row of its bytes: the row is made when the right bytes are there, else the file is remade."""
    with ctx.db.read() as session:
        file = session.get_one(File, finding.object)
    if invariants.digest_of(ctx, file.sha256) == file.sha256:
        with ctx.db.write() as session:
            blobs.refer(session, ctx, {file.sha256: file.size})
        return "the bytes are there; their row was written"
    if file.source_id is None:
        return ""
    _make_again(ctx, file)
    return "the step that made it runs again"


def _redo(ctx: Context, finding: Finding) -> str:
    with ctx.db.read() as session:
        found = session.get_one(Job, finding.object)

    def wanted(session: Session) -> tuple[str, str] | None:
        job = session.get_one(Job, found.id)
        return (job.file_id, job.step) if job.state == "done" else None  # else somebody runs it again already

    _run_again(ctx, found.resource_id, wanted)
    return "the step runs again"


def _take_back(ctx: Context, _finding: Finding) -> str:
    return "given back to be claimed" if upkeep.interrupt_expired(ctx) else ""


def _send(ctx: Context, finding: Finding) -> str:
    """Ring for the job, or index the resource, that an old row of the outbox is about."""
    with ctx.db.write() as session:
        row = session.get_one(Outbox, finding.object)
        row.created_at = max(row.created_at, ctx.clock() - upkeep.OLD)
        if row.kind == outbox.INDEX:
            return "left to the writer of the index"
    upkeep.ring_unheard(ctx)
    return "rung again"


def _index(ctx: Context, finding: Finding) -> str:
    """Write the resource into the index anew; one that the database does not know is taken out of it."""
    with ctx.db.write() as session:
        resource = session.get(Resource, finding.object, with_for_update=True)
        if resource is None:
            outbox.add(session, ctx, outbox.INDEX, finding.object)
        else:
            indexing.touch(session, ctx, resource)
    return "written down for the writer of the index"


def _leave(_ctx: Context, _finding: Finding) -> str:
    return ""  # a broken trail is evidence: nobody may make it look whole


MENDS: dict[str, Mend] = {
    "missing_blob": _remake,
    "wrong_bytes": _remake,
    "wrong_size": _remake,
    "orphan_blob": _quarantine,
    "orphan_staging": _unstage,
    "file_without_blob": _reattach,
    "done_job_without_outputs": _redo,
    "running_without_lease": _take_back,
    "unsent_outbox": _send,
    "indexed_not_in_database": _index,
    "in_database_not_indexed": _index,
    "stale_document": _index,
    "audit_chain_broken": _leave,
}
