"""What a step made becomes rows: files under stable addresses, passages, and the facts that the record shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ingest.model import Facts, MediaKind, Product
from ingest.model import Passage as FoundPassage
from repo_service.context import Context
from repo_service.models import File, Job, Passage, Resource, new_id
from repo_service.services import blobs, indexing
from repo_service.services.jobs import INGEST, Pipeline, processing_of

CAPTIONS = "captions"
PLAYED = (MediaKind.VIDEO, MediaKind.AUDIO)


@dataclass(frozen=True, slots=True)
class Placed:
    """A product whose bytes are a blob."""

    product: Product
    sha256: str
    size: int


def replace(
    session: Session, ctx: Context, job: Job, placed: Sequence[Placed], passages: Sequence[FoundPassage]
) -> None:
    """Put these in the place of whatever the step made of the file before; the blobs were announced and kept."""
    file = session.get_one(File, job.file_id)
    job.made_files, job.made_passages = len(placed), len(passages)
    blobs.refer(session, ctx, {one.sha256: one.size for one in placed})
    session.execute(delete(File).where(File.source_id == file.id, File.step == job.step))
    session.execute(delete(Passage).where(Passage.file_id == file.id, Passage.step == job.step))
    if placed:
        prefix = _prefix(session, file, [one.product.name for one in placed])
        session.execute(insert(File), [_file_row(ctx, file, job.step, prefix, one) for one in placed])
    if passages:
        session.execute(insert(Passage), [_passage_row(job, ordinal, found) for ordinal, found in enumerate(passages)])


def remove_for(session: Session, file: File, steps: Sequence[str]) -> None:
    """Take away what these steps made of a file; its blobs go later, when nothing else refers to them."""
    session.execute(delete(File).where(File.source_id == file.id, File.step.in_(steps)))
    session.execute(delete(Passage).where(Passage.file_id == file.id, Passage.step.in_(steps)))


def classify(session: Session, file: File, identified: Facts) -> None:
    """Take over what ``identify`` found out about a given file; subtitles beside something played are captions."""
    file.media_type = identified.get("media_type") or file.media_type
    others = [given for given in _given(session, file.resource_id, file.version) if given.id != file.id]
    kinds = _kinds(session, [given.id for given in others])
    kind = identified.get("media_kind")
    if file.role == "source" and kind == MediaKind.SUBTITLE and set(kinds.values()) & set(PLAYED):
        file.role = CAPTIONS
    if file.role == "source" and kind in PLAYED:
        for given in others:
            if given.role == "source" and kinds.get(given.id) == MediaKind.SUBTITLE:
                given.role = CAPTIONS
    session.flush()


def show(session: Session, ctx: Context, resource_id: str, *, pipeline: Pipeline = INGEST) -> None:
    """After a job ended: let the record say what is known by now, and have it indexed anew.

    A new version is served when its processing ended with something to show.
    """
    session.flush()
    resource = session.get_one(Resource, resource_id)
    given = _given(session, resource.id, resource.version)
    jobs = list(session.scalars(select(Job).where(Job.resource_id == resource.id, Job.version == resource.version)))
    served = resource.served_version
    if processing_of(jobs, given, pipeline=pipeline) in ("ready", "partial"):
        resource.served_version = resource.version
    if resource.served_version == resource.version:
        _take_over(session, resource, given, jobs)
    visible = resource.state == "published" and served != resource.served_version
    if visible:
        resource.replaced_version, resource.replaced_at = served, ctx.clock()
    indexing.touch(session, ctx, resource, visibility=visible)


def _take_over(session: Session, resource: Resource, given: Sequence[File], jobs: Sequence[Job]) -> None:
    main = _main(given)
    facts: Facts = {}
    for job in jobs:
        if main is not None and job.file_id == main.id and job.state != "cancelled":
            facts |= {key: value for key, value in job.facts.items() if value is not None}
    resource.media_kind = str(facts.get("media_kind", ""))
    resource.duration = facts.get("duration")
    resource.pages = facts.get("pages")
    captions = select(File.id).where(
        File.resource_id == resource.id, File.version == resource.version, File.role == "captions_vtt"
    )
    resource.has_captions = session.scalar(captions.limit(1)) is not None


def _given(session: Session, resource_id: str, version: int) -> list[File]:
    rows = select(File).where(File.resource_id == resource_id, File.version == version, File.source_id.is_(None))
    return list(session.scalars(rows.order_by(File.id)))


def _main(given: Sequence[File]) -> File | None:
    """The file that the resource is about: the first source."""
    return next((file for file in given if file.role == "source"), None)


def _kinds(session: Session, file_ids: Sequence[str]) -> dict[str, str]:
    rows = session.execute(select(Job.file_id, Job.facts).where(Job.file_id.in_(file_ids), Job.state == "done"))
    return {file_id: facts["media_kind"] for file_id, facts in rows if "media_kind" in facts}


def _prefix(session: Session, file: File, names: Sequence[str]) -> str:
    """Where the products of a file lie: at the top for the main file, in a folder of its own for any other one."""
    main = _main(_given(session, file.resource_id, file.version))
    own = f"{file.id}/"
    if main is None or main.id != file.id:
        return own
    taken = select(File.id).where(
        File.resource_id == file.resource_id,
        File.version == file.version,
        File.path.in_(names),
        File.source_id.is_distinct_from(file.id),
    )
    return own if session.scalar(taken.limit(1)) else ""


def _file_row(ctx: Context, file: File, step: str, prefix: str, placed: Placed) -> dict[str, object]:
    product = placed.product
    return {
        "id": new_id(),
        "resource_id": file.resource_id,
        "version": file.version,
        "source_id": file.id,
        "step": step,
        "role": product.role,
        "path": prefix + product.name,
        "name": PurePosixPath(file.name).stem + PurePosixPath(product.name).suffix,
        "media_type": product.media_type,
        "sha256": placed.sha256,
        "size": placed.size,
        "attributes": dict(product.attributes),
        "created_at": ctx.clock(),
    }


def _passage_row(job: Job, ordinal: int, found: FoundPassage) -> dict[str, object]:
    return {
        "id": new_id(),
        "resource_id": job.resource_id,
        "version": job.version,
        "file_id": job.file_id,
        "step": job.step,
        "ordinal": ordinal,
        "kind": found.kind,
        "language": found.language,
        "start": found.start,
        "end": found.end,
        "page": found.page,
        "heading": found.heading[:500],
        "text": found.text,
        "notes": found.notes,
    }
