"""Taking a given file away again, with all that was made of it."""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import Conflict, NotFound
from repo_service.models import File, Job, Passage, Upload
from repo_service.policy import Actor, require
from repo_service.services import audit, jobs, products
from repo_service.services.catalog import visible
from repo_service.services.workflow import STARTS


def remove(ctx: Context, actor: Actor, resource_id: str, file_id: str) -> None:
    """Take a given file out of the newest version of a resource.

    Its bytes go when nothing refers to them any more. Raises Conflict ``last_source`` for the only source of what was
    published, ``wrong_state``, NotFound.
    """
    with ctx.db.write() as session:
        resource = visible(session, actor, resource_id, lock=True)
        require(actor, "resource.upload", institution_id=resource.institution_id, owner_id=resource.created_by)
        if resource.state not in STARTS["upload"]:
            raise Conflict(code="wrong_state", state=resource.state, action="upload")
        file = session.get(File, file_id)
        if file is None or file.resource_id != resource.id or file.version != resource.version or file.source_id:
            raise NotFound(code="file_not_found")
        if file.role == "source" and resource.state == "published" and _only_source(session, file):
            raise Conflict(code="last_source")
        sha256 = file.sha256
        jobs.cancel_for(session, ctx, file)
        _drop(session, file)
        resource.updated_at = ctx.clock()
        products.show(session, ctx, resource.id)
        audit.record(session, ctx, actor.id, "file.remove", resource.id, file=file_id, sha256=sha256)


def _only_source(session: Session, file: File) -> bool:
    others = select(File.id).where(
        File.resource_id == file.resource_id,
        File.version == file.version,
        File.source_id.is_(None),
        File.role == "source",
        File.id != file.id,
    )
    return session.scalar(others.limit(1)) is None


def _drop(session: Session, file: File) -> None:
    """Remove the rows, those that refer before those that are referred to."""
    session.flush()
    session.execute(delete(Passage).where(Passage.file_id == file.id))
    session.execute(delete(Job).where(Job.file_id == file.id))
    session.execute(update(Upload).where(Upload.file_id == file.id).values(file_id=None))
    session.execute(delete(File).where(File.source_id == file.id))
    session.execute(delete(File).where(File.id == file.id))
