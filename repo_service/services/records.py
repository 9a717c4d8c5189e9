"""The record as API and pages show it, and how it is put together from rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field
from sqlalchemy import bindparam, case, select
from sqlalchemy.orm import Session

from repo_service.models import File, Job, Resource, Subject
from repo_service.policy import Actor
from repo_service.services.jobs import processing_of
from repo_service.services.workflow import possible
from repo_service.vocab import DOWNLOADABLE

PICTURES = ("thumbnail", "poster", "cover")  # for cards, best first
PICTURE = (  # the path of the best picture of a resource, inside a statement about resources
    select(File.path)
    .where(
        File.resource_id == Resource.id,
        File.version == Resource.served_version,
        File.role.in_(PICTURES),
        File.media_type.startswith("image/"),
    )
    .order_by(case({role: place for place, role in enumerate(PICTURES)}, value=File.role), File.id)
    .limit(1)
    .scalar_subquery()
)
_PICTURES = select(Resource.id, Resource.served_version, PICTURE).where(
    Resource.id.in_(bindparam("ids", expanding=True))
)


class FileView(BaseModel):
    """A given file (``source_id`` empty) or what a step made of one."""

    id: str
    role: str
    media_type: str
    size: int = Field(description="Bytes")
    sha256: str
    name: str
    url: str = Field(description="Stable; rights are checked at each request")
    path: str
    version: int
    source_id: str | None
    step: str = Field(description="The step that made it; empty for given files")
    attributes: dict[str, Any]


class JobError(BaseModel):
    """Why a step failed: a stable code, and a detail for the desk."""

    code: str
    detail: str


class JobView(BaseModel):
    """One step of ingest over one given file."""

    id: str
    file_id: str
    step: str
    state: str
    attempt: int
    progress: float = Field(description="0 to 1")
    error: JobError | None
    note: str | None = Field(
        description="a stable code for what the step found worth saying: kept_as_attachment, scanned"
    )
    started_at: datetime | None
    finished_at: datetime | None


class CaptionsView(BaseModel):
    """One track of captions as WebVTT."""

    language: str
    label: str
    url: str


class PageView(BaseModel):
    """The picture of one page or slide."""

    page: int
    url: str
    width: int | None
    height: int | None


class Playback(BaseModel):
    """What to play, show and read: stable addresses, empty where there is none."""

    hls_url: str | None = None
    mp4_url: str | None = None
    audio_url: str | None = None
    poster_url: str | None = None
    thumbnail_url: str | None = None
    storyboard_url: str | None = None
    chapters_url: str | None = None
    preview_url: str | None = Field(None, description="PDF to read in the page")
    reading_url: str | None = Field(None, description="Sanitised HTML fragment")
    image_url: str | None = None
    captions: list[CaptionsView] = []
    pages: list[PageView] = []
    duration: float | None = Field(None, description="Seconds")


class SubjectView(BaseModel):
    """A subject with its labels."""

    code: str
    label_zh: str
    label_en: str
    parent_code: str | None = None


class Summary(BaseModel):
    """A record in a list."""

    id: str
    external_id: str | None
    institution: str = Field(description="Slug")
    institution_name: str
    state: str
    processing: str
    title: str
    description: str
    language: str
    licence: str
    kinds: list[str]
    degree: bool
    vocational: bool
    subjects: list[str]
    level: str
    year: int | None
    media_kind: str
    duration: float | None
    pages: int | None
    has_captions: bool
    opens: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    thumbnail_url: str | None
    url: str = Field(description="Page of the resource")


class Record(Summary):
    """The whole record. Learners see the content that is served and no jobs; its people see the newest."""

    metadata_rev: int
    version: int
    served_version: int
    keywords: list[str]
    creators: list[str]
    subject_labels: list[SubjectView]
    downloadable: bool
    can: list[str] = Field(description="What the asking person may do now")
    files: list[FileView]
    jobs: list[JobView]
    playback: Playback
    passages_url: str


def record_of(session: Session, actor: Actor, resource: Resource, *, desk: bool) -> Record:
    """The record for one reader; ``desk`` for those who work on it, who see the newest content and the jobs."""
    version = resource.version if desk else resource.served_version
    files = list(session.scalars(select(File).where(*_of(File, resource, version)).order_by(File.id)))
    jobs = list(session.scalars(select(Job).where(*_of(Job, resource, version)).order_by(Job.id)))
    playback = playback_of(resource, files)
    return Record(
        **_fields(resource, jobs, files, playback.thumbnail_url),
        metadata_rev=resource.metadata_rev,
        version=version,
        served_version=resource.served_version,
        keywords=resource.keywords,
        creators=resource.creators,
        subject_labels=_subjects(session, resource.subjects),
        downloadable=resource.licence in DOWNLOADABLE,
        can=possible(session, actor, resource),
        files=[file_view(file) for file in files],
        jobs=[job_view(job) for job in jobs] if desk else [],
        playback=playback,
        passages_url=f"/api/v1/resources/{resource.id}/passages",
    )


def summaries(session: Session, resources: Sequence[Resource]) -> list[Summary]:
    """Records for a list, in the same order, with three queries for all of them."""
    versions = {resource.id: resource.version for resource in resources}
    jobs = _grouped(session.scalars(select(Job).where(Job.resource_id.in_(versions))), versions)
    given = _grouped(
        session.scalars(select(File).where(File.resource_id.in_(versions), File.source_id.is_(None))), versions
    )
    pictures = thumbnails(session, versions)
    return [
        Summary(**_fields(resource, jobs[resource.id], given[resource.id], pictures.get(resource.id)))
        for resource in resources
    ]


def thumbnails(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """The address of a picture for the card of each of these resources that has one."""
    rows = session.execute(_PICTURES, {"ids": list(ids)})
    return {identity: address_of(identity, version, path) for identity, version, path in rows if path}


def media_url(file: File) -> str:
    """The stable address of a file's bytes."""
    return address_of(file.resource_id, file.version, file.path)


def address_of(resource_id: str, version: int, path: str) -> str:
    """The same of a file that is known by its path alone."""
    return f"/media/{resource_id}/{version}/{quote(path)}"


def file_view(file: File) -> FileView:
    """One row of ``files[]``."""
    return FileView(
        id=file.id,
        role=file.role,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        name=file.name,
        url=media_url(file),
        path=file.path,
        version=file.version,
        source_id=file.source_id,
        step=file.step,
        attributes=file.attributes,
    )


def job_view(job: Job) -> JobView:
    """One row of ``jobs[]``."""
    error = JobError(code=job.error_code, detail=job.error_detail) if job.error_code else None
    return JobView(
        id=job.id,
        file_id=job.file_id,
        step=job.step,
        state=job.state,
        attempt=job.attempt,
        progress=job.progress,
        error=error,
        note=job.facts.get("note"),
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def playback_of(resource: Resource, files: Sequence[File]) -> Playback:
    """Addresses to play and read: of the first source file that has them, captions of all."""
    first = next((file.id for file in files if file.source_id is None and file.role == "source"), None)
    ordered = sorted(files, key=lambda file: (file.source_id not in (None, first), file.id))

    def url(role: str, ending: str = "") -> str | None:
        return next((media_url(f) for f in ordered if f.role == role and f.path.endswith(ending)), None)

    pdf = next((media_url(f) for f in ordered if f.role == "source" and f.media_type == "application/pdf"), None)
    pictures = thumbnail_of(ordered)
    return Playback(
        hls_url=url("hls", "master.m3u8"),
        mp4_url=url("mp4"),
        audio_url=url("audio"),
        poster_url=url("poster") or url("cover"),
        thumbnail_url=pictures,
        storyboard_url=url("storyboard"),
        chapters_url=url("chapters"),
        preview_url=url("preview") or pdf,
        reading_url=url("reading"),
        image_url=url("image"),
        captions=[_captions(file) for file in ordered if file.role == "captions_vtt"],
        pages=_pages(ordered),
        duration=resource.duration,
    )


def thumbnail_of(files: Iterable[File]) -> str | None:
    """The best small picture among the files of one version."""
    pictures = [file for file in files if file.role in PICTURES and file.media_type.startswith("image/")]
    return media_url(min(pictures, key=lambda file: PICTURES.index(file.role))) if pictures else None


def _captions(file: File) -> CaptionsView:
    language = str(file.attributes.get("language") or "und")
    return CaptionsView(language=language, label=str(file.attributes.get("label") or language), url=media_url(file))


def _pages(files: Sequence[File]) -> list[PageView]:
    """The page pictures of the first document that has any; a second one's pages would only mix with them."""
    images = [file for file in files if file.role == "page_image"]
    own = [file for file in images if file.source_id == images[0].source_id]
    views = [
        PageView(
            page=int(file.attributes.get("page", 0)),
            url=media_url(file),
            width=file.attributes.get("width"),
            height=file.attributes.get("height"),
        )
        for file in own
    ]
    return sorted(views, key=lambda view: view.page)


def _fields(resource: Resource, jobs: Sequence[Job], files: Sequence[File], thumbnail: str | None) -> dict[str, Any]:
    given = [file for file in files if file.source_id is None]
    return {
        "id": resource.id,
        "external_id": resource.external_id,
        "institution": resource.institution.slug,
        "institution_name": resource.institution.name,
        "state": resource.state,
        "processing": processing_of(jobs, given),
        "title": resource.title,
        "description": resource.description,
        "language": resource.language,
        "licence": resource.licence,
        "kinds": resource.kinds,
        "degree": resource.degree,
        "vocational": resource.vocational,
        "subjects": resource.subjects,
        "level": resource.level,
        "year": resource.year,
        "media_kind": resource.media_kind,
        "duration": resource.duration,
        "pages": resource.pages,
        "has_captions": resource.has_captions,
        "opens": resource.opens,
        "created_at": resource.created_at,
        "updated_at": resource.updated_at,
        "published_at": resource.published_at,
        "thumbnail_url": thumbnail,
        "url": f"/resources/{resource.id}",
    }


def _subjects(session: Session, codes: Sequence[str]) -> list[SubjectView]:
    rows = {row.code: row for row in session.scalars(select(Subject).where(Subject.code.in_(codes)))}
    return [subject_view(rows[code]) for code in codes if code in rows]


def subject_view(row: Subject) -> SubjectView:
    """A subject with its labels."""
    return SubjectView(code=row.code, label_zh=row.label_zh, label_en=row.label_en, parent_code=row.parent_code)


def _of(table: type[File] | type[Job], resource: Resource, version: int) -> tuple[Any, Any]:
    return table.resource_id == resource.id, table.version == version


def _grouped(rows: Iterable[Any], versions: Mapping[str, int]) -> dict[str, list[Any]]:
    """Those of one version of each resource. SQLite would look for pairs of id and version in no index."""
    found: dict[str, list[Any]] = {identity: [] for identity in versions}
    for row in rows:
        if row.version == versions[row.resource_id]:
            found[row.resource_id].append(row)
    return found
