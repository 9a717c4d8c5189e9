"""Doing steps again: one that failed, when a person asks; results of older versions, when the operator asks."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import Conflict, Forbidden, NotFound
from repo_service.models import File, Job, Resource
from repo_service.policy import OPERATOR, Actor, can
from repo_service.services import audit, outbox, products
from repo_service.services.jobs import ENDED, INGEST, Pipeline, graph_of, lock, reopen

BATCH = 200


def retry(ctx: Context, actor: Actor, resource_id: str, step: str, *, pipeline: Pipeline = INGEST) -> None:
    """Give a failed step of the newest version a fresh set of tries, and with it what was cancelled for its sake.

    Raises NotFound, Forbidden, and Conflict (``step_not_failed``) when no file's step of this name has failed.
    """
    with ctx.db.write() as session:
        resource = _allowed(session, actor, resource_id)
        failed = select(Job.file_id).where(
            Job.resource_id == resource_id,
            Job.version == resource.version,
            Job.step == step,
            Job.state == "failed",
        )
        files = list(session.scalars(select(File).where(File.id.in_(failed)).order_by(File.id)))
        if not files:
            raise Conflict(code="step_not_failed", step=step)
        ready: list[Job] = []
        for file in files:
            ready += reopen(session, ctx, file, [step], following=frozenset({"cancelled"}), pipeline=pipeline)
        products.show(session, ctx, resource_id, pipeline=pipeline)
        audit.record(session, ctx, actor.id, "job.retry", resource_id, step=step)
    outbox.ring(ctx, ready)


def reprocess(ctx: Context, step: str | None = None, *, pipeline: Pipeline = INGEST) -> list[str]:
    """Begin anew what was made by an older version of its step; with ``step``, all results of that one step.

    What comes after a redone step is redone too; the old results are served until the new ones replace them.
    Answers the ids of the jobs that were begun anew, those after them not counted.
    """
    begun: list[str] = []
    for file_id in _processed_files(ctx):
        with ctx.db.write() as session:
            file = session.get_one(File, file_id)
            lock(session, file.resource_id)
            again = _outdated(session, file, step, pipeline)
            if not again:
                continue
            names = [job.step for job in again]
            ready = reopen(session, ctx, file, names, following=ENDED | {"running"}, pipeline=pipeline)
            audit.record(session, ctx, OPERATOR.id, "job.reprocess", file.resource_id, file=file.id, steps=names)
        outbox.ring(ctx, ready)
        begun += [job.id for job in again]
    return begun


def _allowed(session: Session, actor: Actor, resource_id: str) -> Resource:
    resource = session.get(Resource, resource_id, with_for_update=True)
    if resource is None or not _may(actor, "resource.read", resource):
        raise NotFound(code="resource_not_found")
    if not _may(actor, "resource.retry", resource):
        raise Forbidden
    return resource


def _may(actor: Actor, action: str, resource: Resource) -> bool:
    return can(
        actor,
        action,
        institution_id=resource.institution_id,
        owner_id=resource.created_by,
        public=resource.state == "published",
    )


def _processed_files(ctx: Context) -> Iterator[str]:
    """The given files of every resource's newest version, in batches by key."""
    last = ""
    while True:
        batch = (
            select(File.id)
            .join(Resource)
            .where(File.id > last, File.source_id.is_(None), File.version == Resource.version)
            .order_by(File.id)
            .limit(BATCH)
        )
        with ctx.db.read() as session:
            found = list(session.scalars(batch))
        yield from found
        if len(found) < BATCH:
            return
        last = found[-1]


def _outdated(session: Session, file: File, wanted: str | None, pipeline: Pipeline) -> list[Job]:
    """The ended jobs of a file that are to be done anew."""
    jobs = list(session.scalars(select(Job).where(Job.file_id == file.id)))
    steps = graph_of(pipeline, file, jobs)
    return [
        job
        for job in jobs
        if job.state in ("done", "failed")
        and job.step in steps
        and (job.step == wanted if wanted else job.step_version != steps[job.step].version)
    ]
