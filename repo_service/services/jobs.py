"""The state machine of jobs: each function is one transition, in one transaction, under the job's fence.

waiting → ready → running → done | failed, and cancelled from anywhere but done. A claim raises attempt and fence
before any work; whoever holds an older fence can no longer write. Transitions that touch several jobs lock the
resource first, so that two steps of one file that end together see each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from ingest import pipeline as ingest_pipeline
from ingest.model import Facts, Step
from repo_service.context import Context
from repo_service.errors import LostLease
from repo_service.models import File, Job, Resource
from repo_service.services import outbox

MAX_FAILURES = 3  # of the step: an error, a limit that was hit, a child that was killed
MAX_INTERRUPTIONS = 10  # of the worker: it died, or was silent for longer than its lease
BACKOFF_SECONDS = 5.0
BACKOFF_LIMIT_SECONDS = 60.0
INTERRUPTION_PAUSE_SECONDS = 10.0  # from the third on: a step that kills its worker must not keep it from the others
OPEN = frozenset({"waiting", "ready", "running"})
ENDED = frozenset({"done", "failed", "cancelled"})


class Pipeline(Protocol):
    """Which steps a file goes through: the module `ingest.pipeline`, or a small one of a test's own."""

    def first_step(self) -> Step:
        """The step that every given file begins with; its facts decide the others."""
        ...

    def next_steps(self, role: str, identified: Facts, /) -> tuple[Step, ...]:
        """The steps after the first for a file of this role."""
        ...


INGEST: Pipeline = ingest_pipeline


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on one job, good as long as the job carries the same fence and is running."""

    job_id: str
    fence: int
    attempt: int
    resource_id: str
    version: int
    file_id: str
    step: str


def graph(pipeline: Pipeline, role: str, identified: Facts | None) -> dict[str, Step]:
    """The steps of one file by name, the first one first; only that while nothing is known about the file."""
    first = pipeline.first_step()
    following = pipeline.next_steps(role, identified) if identified else ()
    return {first.name: first} | {step.name: step for step in following}


def graph_of(pipeline: Pipeline, file: File, jobs: Iterable[Job]) -> dict[str, Step]:
    """The same, from what the file's own jobs have found."""
    first = pipeline.first_step().name
    identified = next((job.facts for job in jobs if job.file_id == file.id and job.step == first), None)
    return graph(pipeline, file.role, identified)


def enqueue(session: Session, ctx: Context, file: File, *, pipeline: Pipeline = INGEST) -> Job:
    """Make the first job of a given file, inside the caller's transaction; ``outbox.ring`` it after the commit."""
    job = _new_job(ctx, file, pipeline.first_step(), "ready")
    session.add(job)
    session.flush()
    outbox.add(session, ctx, outbox.RING, job.id)
    return job


def claim(ctx: Context, worker: str, heavy: bool | None = None, job_id: str | None = None) -> Claim | None:
    """Take the oldest ready job (heavy ones, light ones, or any; or this very one); None when there is none."""
    wanted = _due(ctx.clock())
    if heavy is not None:
        wanted.append(Job.heavy.is_(heavy))
    if job_id is not None:
        wanted.append(Job.id == job_id)
    with ctx.db.read() as session:  # a poll that finds nothing must not take the write lock
        if session.scalar(select(Job.id).where(*wanted).limit(1)) is None:
            return None
    with ctx.db.write() as session:
        oldest = select(Job.id).where(*wanted).order_by(Job.id).limit(1).with_for_update(skip_locked=True)
        row = session.execute(
            update(Job)
            .where(Job.id == oldest.scalar_subquery(), Job.state == "ready")
            .values(
                state="running",
                attempt=Job.attempt + 1,
                fence=Job.fence + 1,
                worker=worker,
                lease_until=_lease_end(ctx),
                started_at=ctx.clock(),
                progress=0.0,
            )
            .returning(Job.id, Job.fence, Job.attempt, Job.resource_id, Job.version, Job.file_id, Job.step)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if row is None:
            return None
        outbox.settle(session, ctx, outbox.RING, [row[0]])
    return Claim(*row)


def heartbeat(ctx: Context, claim: Claim, progress: float | None = None) -> None:
    """Begin the lease anew and say how far the step is. Raises LostLease when somebody else may have the job."""
    values: dict[str, object] = {"lease_until": _lease_end(ctx)}
    if progress is not None:
        values["progress"] = min(max(progress, 0.0), 1.0)
    with ctx.db.write() as session:
        alive = session.execute(
            update(Job)
            .where(Job.id == claim.job_id, Job.fence == claim.fence, Job.state == "running")
            .values(values)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    if alive is None:
        raise LostLease(claim.job_id)


def held(session: Session, claim: Claim) -> Job:
    """The job of a claim, locked together with its resource. Raises LostLease when the claim no longer counts."""
    job = locked(session, claim.job_id, claim.resource_id)
    if job is None or not is_held(job, claim):
        raise LostLease(claim.job_id)
    return job


def is_held(job: Job, claim: Claim) -> bool:
    """Whether the claim on this job still counts."""
    return job.id == claim.job_id and job.fence == claim.fence and job.state == "running"


def locked(session: Session, job_id: str, resource_id: str) -> Job | None:
    """A job, locked behind its resource: the order that every transition of several jobs keeps."""
    lock(session, resource_id)
    return session.scalar(select(Job).where(Job.id == job_id).with_for_update())


def lock(session: Session, resource_id: str) -> None:
    """Hold a resource until the commit: for transitions of several of its jobs, before any of them is read."""
    session.scalar(select(Resource.id).where(Resource.id == resource_id).with_for_update())


def complete(session: Session, ctx: Context, job: Job, step: Step, facts: Facts, pipeline: Pipeline) -> list[Job]:
    """End a held job as done, make the jobs that follow from it, answer those to ring for after the commit."""
    job.step_version = step.version
    job.facts = facts
    job.progress = 1.0
    _end(ctx, job, "done")
    if job.step == pipeline.first_step().name:
        _follow(session, ctx, job, pipeline)
    return release_waiting(session, ctx, job.file_id, pipeline)


def fail(
    session: Session,
    ctx: Context,
    claim: Claim,
    code: str,
    detail: str,
    *,
    retryable: bool,
    pipeline: Pipeline = INGEST,
) -> bool:
    """Count a failure of the step: again after a pause, or ended for good (True)."""
    job = held(session, claim)
    job.failures += 1
    job.error_code, job.error_detail = code, detail
    if retryable and job.failures < MAX_FAILURES:
        _again(session, ctx, job, pause_after(job.failures))
        return False
    _end(ctx, job, "failed")
    release_waiting(session, ctx, job.file_id, pipeline)
    return True


def release(ctx: Context, claim: Claim, *, pause: float = 0.0) -> None:
    """Give a job back unharmed: the worker goes down in good order, or the store is away. Nothing is counted."""
    with ctx.db.write() as session:
        _again(session, ctx, held(session, claim), pause)


def interrupt(session: Session, ctx: Context, job: Job, *, pipeline: Pipeline = INGEST) -> bool:
    """Take a running job, locked with `locked`, from a worker that is gone; True when it ended it for good."""
    job.interruptions += 1
    if job.interruptions < MAX_INTERRUPTIONS:
        _again(session, ctx, job, 0.0 if job.interruptions < 3 else INTERRUPTION_PAUSE_SECONDS)
        return False
    job.error_code, job.error_detail = "interrupted", f"{job.interruptions} workers were lost during this step"
    _end(ctx, job, "failed")
    release_waiting(session, ctx, job.file_id, pipeline)
    return True


def release_waiting(session: Session, ctx: Context, file_id: str, pipeline: Pipeline) -> list[Job]:
    """Move the waiting jobs of a file as far as their ``after`` allows; answer those that became ready."""
    file = session.get_one(File, file_id)
    session.flush()
    jobs = {job.step: job for job in session.scalars(select(Job).where(Job.file_id == file_id))}
    steps = graph_of(pipeline, file, jobs.values())
    ready: list[Job] = []
    moved = True
    while moved:  # a cancelled job may cancel others
        moved = False
        for job in [job for job in jobs.values() if job.state == "waiting"]:
            before = _states_before(steps.get(job.step), pipeline, jobs)
            if before <= {"done"}:
                job.state, job.not_before = "ready", None
                outbox.add(session, ctx, outbox.RING, job.id)
                ready.append(job)
            elif before & {"failed", "cancelled"}:
                _end(ctx, job, "cancelled")
            moved = moved or job.state != "waiting"
    return ready


def reopen(
    session: Session,
    ctx: Context,
    file: File,
    names: Iterable[str],
    *,
    following: frozenset[str],
    pipeline: Pipeline = INGEST,
) -> list[Job]:
    """Begin these steps of a file anew, and what comes after them if its state is one of ``following``.

    Answers the jobs that became ready. A job that runs just now loses its fence.
    """
    jobs = {job.step: job for job in session.scalars(select(Job).where(Job.file_id == file.id))}
    steps = graph_of(pipeline, file, jobs.values())
    chosen = set(names) & set(jobs)
    for name in _after(steps, chosen, pipeline.first_step().name):
        if name in jobs and jobs[name].state in following | {"ready"}:  # ready for another try, but not any more
            chosen.add(name)
    for name in chosen:
        _reset(jobs[name], steps.get(name))
    return release_waiting(session, ctx, file.id, pipeline)


def cancel_for(session: Session, ctx: Context, file: File) -> None:
    """Stop everything that is still to be done for a file; a running step finds out at its next heartbeat."""
    for job in session.scalars(select(Job).where(Job.file_id == file.id, Job.state.in_(OPEN)).with_for_update()):
        _end(ctx, job, "cancelled")


def processing_of(jobs: Sequence[Job], files: Sequence[File], *, pipeline: Pipeline = INGEST) -> str:
    """How far the given files of one version are: a word of ``vocab.PROCESSING``, derived from their jobs alone."""
    states = {job.state for job in jobs}
    if states <= {"cancelled"}:
        return "none"
    if states & OPEN:
        return "running" if "running" in states or "done" in states else "queued"
    if "failed" not in states:
        return "ready"
    return "failed" if any(_essential_lost(file, jobs, pipeline) for file in files) else "partial"


def pause_after(count: int) -> float:
    """Seconds until the next try after so many: 5, 10, 20, 40, then a minute each."""
    return float(min(BACKOFF_SECONDS * 2 ** (count - 1), BACKOFF_LIMIT_SECONDS))


def _due(now: datetime) -> list[ColumnElement[bool]]:
    return [Job.state == "ready", or_(Job.not_before.is_(None), Job.not_before <= now)]


def _lease_end(ctx: Context) -> datetime:
    return ctx.clock() + timedelta(seconds=ctx.settings.lease_seconds)


def _new_job(ctx: Context, file: File, step: Step, state: str) -> Job:
    return Job(
        resource_id=file.resource_id,
        version=file.version,
        file_id=file.id,
        step=step.name,
        step_version=step.version,
        heavy=step.heavy,
        state=state,
        created_at=ctx.clock(),
    )


def _again(session: Session, ctx: Context, job: Job, pause: float) -> None:
    job.state, job.worker, job.lease_until = "ready", "", None
    job.not_before = ctx.clock() + timedelta(seconds=pause) if pause else None
    outbox.add(session, ctx, outbox.RING, job.id)


def _end(ctx: Context, job: Job, state: str) -> None:
    job.state, job.worker, job.lease_until, job.not_before = state, "", None, None
    job.finished_at = ctx.clock()
    if state == "done":
        job.error_code = job.error_detail = ""


def _reset(job: Job, step: Step | None) -> None:
    job.state, job.worker, job.lease_until, job.not_before = "waiting", "", None, None
    job.failures = job.interruptions = 0
    job.error_code = job.error_detail = ""
    job.progress = 0.0
    if step is not None:
        job.heavy = step.heavy


def _follow(session: Session, ctx: Context, first: Job, pipeline: Pipeline) -> None:
    """Give the file the jobs that its facts ask for; those of an earlier opinion about it end."""
    file = session.get_one(File, first.file_id)
    steps = graph(pipeline, file.role, first.facts)
    jobs = {job.step: job for job in session.scalars(select(Job).where(Job.file_id == file.id))}
    for name, step in steps.items():
        if name not in jobs:
            session.add(_new_job(ctx, file, step, "waiting"))
        elif jobs[name].state == "cancelled":
            _reset(jobs[name], step)
    for name in jobs.keys() - steps.keys():
        _end(ctx, jobs[name], "cancelled")


def _states_before(step: Step | None, pipeline: Pipeline, jobs: Mapping[str, Job]) -> set[str]:
    """The states of the jobs that must be done before this one; a step that left the graph can never run."""
    if step is None:
        return {"cancelled"}
    first = pipeline.first_step().name
    names = set() if step.name == first else {first, *step.after}
    return {jobs[name].state for name in names if name in jobs}


def _after(steps: Mapping[str, Step], names: set[str], first: str) -> set[str]:
    """All steps that come after these, directly or not."""
    found: set[str] = set()
    while True:
        seen = names | found
        more = {step.name for step in steps.values() if step.name not in seen and ({*step.after, first} & seen)}
        more.discard(first)
        if not more:
            return found
        found |= more


def _essential_lost(file: File, jobs: Sequence[Job], pipeline: Pipeline) -> bool:
    """Whether a source file failed, and with it a step without which there is nothing to show."""
    own = [job for job in jobs if job.file_id == file.id]
    if file.role != "source" or not any(job.state == "failed" for job in own):
        return False
    steps = graph_of(pipeline, file, own)
    lost = [job.step for job in own if job.state in ("failed", "cancelled")]
    return any(name in steps and steps[name].essential for name in lost)
