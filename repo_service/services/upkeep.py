"""The reconciler: the one recovery path. It compares what is with what should be, and asks for what is missing.

Nothing here is needed while all goes well, and everything may be done at any time, any number of times.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import delete, func, or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import XuehaiError
from repo_service.models import IndexState, Job, LoginAttempt, Outbox, Resource, SearchClick, SearchTally
from repo_service.models import Session as Login
from repo_service.services import garbage, jobs, leases, outbox, products, uploads, versions
from repo_service.services.asked import first_kept
from repo_service.services.jobs import INGEST, Pipeline
from repo_service.storage.port import StorageError

GRACE = timedelta(seconds=5)  # what was written down just now is being done by whoever wrote it
OLD = timedelta(seconds=30)  # a job that is ready for so long was not heard
KEEP_OUTBOX = timedelta(days=1)
KEEP_ATTEMPTS = timedelta(days=1)
LIMIT = 1000  # rows of one kind in one pass
PORTION = 5_000  # resources that one pass looks at: of a million, each has its turn within an hour

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What one pass did, counted by kind, and which of its parts could not be done."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many things were put right."""
        return self.counts.total()

    @property
    def failed(self) -> int:
        """How many parts failed; they are tried again in the next pass."""
        return len(self.failures)


@dataclass(slots=True)
class Walk:
    """How far through the catalogue the passes of a process have come: after this id; "" is the beginning.

    It need not outlive the process: what begins with each one (`sweep_once`) looks at every resource.
    """

    after: str = ""
    portion: int = PORTION
    most: int = LIMIT  # that one pass asks for


def reconcile_once(
    ctx: Context, *, thorough: bool = True, pipeline: Pipeline = INGEST, walk: Walk | None = None
) -> Report:
    """One pass over what the database knows; ``thorough``: with all that `sweep_once` does.

    ``walk``: where the pass before left off; without it the pass begins at the first resource.
    """
    report = _run(
        {
            "interrupted": lambda: interrupt_expired(ctx, pipeline=pipeline),
            "uploads_finished": lambda: uploads.finish_stuck(ctx),
            "uploads_expired": lambda: uploads.expire(ctx),
            "rung": lambda: ring_unheard(ctx),
            "index_wanted": lambda: want_index(ctx, walk or Walk()),
        }
    )
    if not thorough:
        return report
    swept = sweep_once(ctx)
    return Report(report.counts + swept.counts, report.failures | swept.failures)


def sweep_once(ctx: Context) -> Report:
    """Look at every resource, clear away what is left over, and hash a portion of the blobs.

    It takes as long as catalogue and store are large.
    """
    return _run(
        {
            "index_wanted": lambda: want_index_everywhere(ctx),
            "staging_removed": lambda: garbage.sweep_staging(ctx),
            "scratch_removed": lambda: garbage.sweep_scratch(ctx),
            "old_versions_cleared": lambda: versions.clear_old(ctx),
            "blobs_adopted": lambda: garbage.adopt_unknown(ctx),
            "blobs_quarantined": lambda: garbage.quarantine(ctx),
            "blobs_deleted": lambda: garbage.delete_quarantined(ctx),
            "blobs_damaged": lambda: garbage.check_fixity(ctx),
            "forgotten": lambda: forget_old(ctx),
        }
    )


def _run(parts: Mapping[str, Callable[[], int]]) -> Report:
    report = Report()
    for name, part in parts.items():
        try:
            report.counts[name] += part()
        except (StorageError, ConnectionError, OperationalError, XuehaiError) as error:
            _log.warning("reconcile_part_failed", part=name, error=str(error))
            report.failures[name] = str(error)
        except Exception as error:  # what nobody foresaw in one part keeps no other one from being done
            _log.exception("reconcile_part_failed", part=name)
            report.failures[name] = str(error)
    return report


def release_dead(ctx: Context, *, pipeline: Pipeline = INGEST, is_dead: Callable[[str], bool] = leases.is_dead) -> int:
    """Take the jobs of workers of this machine that are no more; answer how many."""
    with ctx.db.read() as session:
        running = list(session.scalars(select(Job).where(Job.state == "running")))
    dead = {worker for worker in {job.worker for job in running} if is_dead(worker)}
    return _interrupt(ctx, (job for job in running if job.worker in dead), lambda job: job.worker in dead, pipeline)


def interrupt_expired(ctx: Context, *, pipeline: Pipeline = INGEST) -> int:
    """Take the jobs whose lease has run out; answer how many."""
    late = or_(Job.lease_until.is_(None), Job.lease_until <= ctx.clock())
    with ctx.db.read() as session:
        found = list(session.scalars(select(Job).where(Job.state == "running", late).limit(LIMIT)))
    return _interrupt(ctx, found, lambda job: job.lease_until is None or job.lease_until <= ctx.clock(), pipeline)


def ring_unheard(ctx: Context) -> int:
    """Ring for jobs that are ready and that nobody took: their ring was lost, or never sent."""
    now = ctx.clock()
    due = or_(Job.not_before.is_(None), Job.not_before <= now)
    unsent = (
        select(Outbox.id, Job)
        .outerjoin(Job, Job.id == Outbox.aggregate)
        .where(Outbox.kind == outbox.RING, Outbox.done_at.is_(None), Outbox.created_at <= now - GRACE)
        .limit(LIMIT)
    )
    old = select(Job).where(Job.state == "ready", due, func.coalesce(Job.not_before, Job.created_at) <= now - OLD)
    with ctx.db.read() as session:
        rows = [(row[0], row[1]) for row in session.execute(unsent)]
        unheard = {job.id: job for job in session.scalars(old.limit(LIMIT))}
    wanted = {job.id: job for _, job in rows if job is not None and job.state == "ready"}
    sounding = {key: job for key, job in wanted.items() if job.not_before is None or job.not_before <= now}
    heard = outbox.ring(ctx, (unheard | sounding).values())
    over = [row_id for row_id, job in rows if job is None or job.state != "ready" or (heard and job.id in sounding)]
    outbox.close_rows(ctx, over)
    return len(unheard | sounding)


def want_index(ctx: Context, walk: Walk) -> int:
    """Ask for the indexing of resources of one portion that changed without anybody having asked; answer how many."""
    with ctx.db.read() as session:
        unasked, following = _unasked(session, walk)
    if unasked:
        with ctx.db.write() as session:
            unasked, following = _unasked(session, walk)
            outbox.add_many(session, ctx, outbox.INDEX, unasked[: walk.most])
    walk.after = unasked[walk.most - 1][0] if len(unasked) > walk.most else following
    return min(len(unasked), walk.most)


def want_index_everywhere(ctx: Context, walk: Walk | None = None) -> int:
    """The same for all that is left of a walk, portion by portion; for the whole catalogue without one."""
    walk = walk or Walk()
    wanted = want_index(ctx, walk)
    while walk.after:
        wanted += want_index(ctx, walk)
    return wanted


def forget_old(ctx: Context) -> int:
    """Remove what only mattered for a while: sent outbox rows, ended logins, failed sign-ins, days of searches."""
    now, day = ctx.clock(), first_kept(ctx)
    old = (
        (Outbox, Outbox.done_at <= now - KEEP_OUTBOX),
        (Login, Login.expires_at <= now),
        (LoginAttempt, LoginAttempt.at <= now - KEEP_ATTEMPTS),
        (SearchTally, SearchTally.day < day),
        (SearchClick, SearchClick.day < day),
    )
    gone = 0
    for table, over in old:
        with ctx.db.read() as session:
            if session.execute(select(table).where(over).limit(1)).first() is None:
                continue
        with ctx.db.write() as session:
            result = session.execute(delete(table).where(over).execution_options(synchronize_session=False))
            gone += max(getattr(result, "rowcount", 0), 0)
    return gone


def _interrupt(ctx: Context, found: Iterable[Job], still: Callable[[Job], bool], pipeline: Pipeline) -> int:
    taken: list[Job] = []
    for seen in found:
        with ctx.db.write() as session:
            job = jobs.locked(session, seen.id, seen.resource_id)
            if job is None or job.state != "running" or not still(job):
                continue
            _log.warning("step_interrupted", job=job.id, step=job.step, worker=job.worker)
            if jobs.interrupt(session, ctx, job, pipeline=pipeline):
                products.show(session, ctx, job.resource_id, pipeline=pipeline)
            taken.append(job)
    outbox.ring(ctx, _due(ctx, taken))
    return len(taken)


def _due(ctx: Context, taken: Sequence[Job]) -> list[Job]:
    return [job for job in taken if job.state == "ready" and job.not_before is None]


def _unasked(session: Session, walk: Walk) -> tuple[list[tuple[str, int]], str]:
    """Of the next portion, what the index does not hold in its revision and nobody asked for; its end, or "".

    Three ranges are read, and compared here: a database that knows little of tables that just grew would join them
    each row with all rows.
    """
    after = walk.after
    portion = select(Resource.id, Resource.rev).where(Resource.id > after).order_by(Resource.id).limit(walk.portion)
    revs = dict(session.execute(portion).all())
    if not revs:
        return [], ""
    last = next(reversed(revs))  # as the database orders them
    states = select(IndexState.resource_id, func.max(IndexState.indexed_rev)).group_by(IndexState.resource_id)
    here = states.where(IndexState.resource_id > after, IndexState.resource_id <= last)
    held = dict(session.execute(here).all())
    behind = [(key, rev) for key, rev in revs.items() if held.get(key, 0) < rev]
    if behind:
        waiting = select(Outbox.aggregate).where(Outbox.kind == outbox.INDEX, Outbox.done_at.is_(None))
        asked = set(session.scalars(waiting.where(Outbox.aggregate > after, Outbox.aggregate <= last)))
        behind = [(key, rev) for key, rev in behind if key not in asked]
    return behind, last if len(revs) == walk.portion else ""
