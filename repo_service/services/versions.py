"""The versions of a resource: which of them are shown, and what becomes of the others.

What was given stays in every version: it is the history. What was made of it can be made again, and goes when nobody is
shown it any more; its bytes then leave as all that nothing refers to, see `garbage`.
"""

from datetime import timedelta

from sqlalchemy import delete, select, update

from repo_service.context import Context
from repo_service.models import File, Job, Passage, Resource
from repo_service.services.jobs import OPEN

STILL_OPEN = timedelta(hours=1)  # for which a replaced version goes on in pages that were open
SETTLED = timedelta(days=1)  # after which those who gave a newer version no longer look at what was made of the older


def shown(ctx: Context, resource: Resource) -> set[int]:
    """What the public has of a resource that is published: the version that is served, for a while the one before."""
    before, since = resource.replaced_version, resource.replaced_at
    still = before is not None and since is not None and ctx.clock() < since + STILL_OPEN
    return {resource.served_version, before} if before is not None and still else {resource.served_version}


def clear_old(ctx: Context) -> int:
    """Remove what was made of versions that are neither the newest nor shown; answer how many files."""
    made = select(File.id).where(
        File.resource_id == Resource.id,
        File.version < Resource.version,
        File.version != Resource.served_version,
        File.source_id.is_not(None),
    )
    fresh = select(File.id).where(
        File.resource_id == Resource.id,
        File.version == Resource.version,
        File.source_id.is_(None),
        File.created_at > ctx.clock() - SETTLED,
    )
    with ctx.db.read() as session:
        found = session.scalars(select(Resource.id).where(Resource.version > 1, made.exists(), ~fresh.exists())).all()
    return sum(_clear(ctx, resource_id) for resource_id in found)


def _clear(ctx: Context, resource_id: str) -> int:
    """In one transaction, which holds the resource as all do who serve a version or run its steps."""
    with ctx.db.write() as session:
        resource = session.get_one(Resource, resource_id, with_for_update=True)
        here = (File.resource_id == resource_id, File.source_id.is_not(None))
        versions = set(session.scalars(select(File.version).where(*here).distinct()))
        working = select(Job.version).where(Job.resource_id == resource_id, Job.state.in_(OPEN)).distinct()
        old = {version for version in versions if version < resource.version}
        old -= shown(ctx, resource) | set(session.scalars(working))
        gone = session.scalars(delete(File).where(*here, File.version.in_(old)).returning(File.id)).all()
        session.execute(delete(Passage).where(Passage.resource_id == resource_id, Passage.version.in_(old)))
        # Else the doctor would miss what they made, and have it made again.
        jobs = update(Job).where(Job.resource_id == resource_id, Job.version.in_(old))
        session.execute(jobs.values(made_files=0, made_passages=0))
    return len(gone)
