"""Given bytes become files of resources: blob first, then rows, commit, then the ring.

Whoever brings bytes that are stored already gets a resource of their own over the one blob; neither the answer nor
the way to it tells. Captions find their video, and a video its captions, whichever came first: what waits is an own
draft, and the other joins it, so that no empty draft is left over.
"""

import hashlib
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, NotFound, TooLarge, UnsupportedType
from repo_service.models import File, Institution, Job, Resource, new_id
from repo_service.policy import Actor, require
from repo_service.services import audit, blobs, catalog, curation, filenames, indexing, jobs, outbox
from repo_service.services.usage import quota_of, used_bytes
from repo_service.storage.port import STAGING

WAITING_LOOKED_AT = 100  # own drafts with the same stem
COPIED_AT_ONCE = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Given:
    """Bytes that the store has under ``sha256``, and where they belong.

    ``role`` is source, captions, cover or attachment. ``folder`` is the mark of the place among the files given
    together. Without ``resource_id`` a draft is made, or an own one is joined; ``fields`` are those of a new record.
    ``replaces``: the id of the file whose place they take in a new version. ``user_id`` is empty for the operator;
    ``who`` goes into the audit trail.
    """

    institution_id: str
    user_id: str | None
    who: str
    sha256: str
    size: int
    name: str
    role: str = "source"
    folder: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    resource_id: str | None = None
    replaces: str | None = None


def place(session: Session, ctx: Context, given: Given) -> File:
    """Make the rows of given bytes: the file, its first job, where needed its resource.

    Raises TooLarge beyond the quota, NotFound for a resource or a replaced file that is gone, Conflict where the
    resource takes no files.
    """
    institution = _locked(session, given.institution_id)
    if used_bytes(session, institution.id) + given.size > quota_of(ctx, institution):
        raise TooLarge(code="quota_exceeded", quota=quota_of(ctx, institution))
    role = "captions" if given.role == "source" and filenames.parse(given.name).captions else given.role
    resource = _target(session, given) if given.resource_id else _joined_or_new(session, ctx, institution, given, role)
    if given.replaces:
        _next_version(session, ctx, resource, without=given.replaces)
    return attach_file(
        session,
        ctx,
        resource,
        sha256=given.sha256,
        size=given.size,
        name=given.name,
        role=role,
        actor_id=given.who,
        folder=given.folder,
    )


def deposit_path(
    ctx: Context,
    actor: Actor,
    path: Path,
    institution: str,
    title: str | None = None,
    publish: bool = False,
    *,
    fields: Mapping[str, Any] | None = None,
    report: Callable[[int], None] = lambda _bytes: None,
) -> File:
    """Give a file of this machine to an institution (slug or id), as an upload does; ``report`` gets bytes as they go.

    Files of one folder are a batch, in which captions find their video. Raises OSError for a file that cannot be read,
    and what `place` and `curation.publish` raise.
    """
    with ctx.db.read() as session:
        place_of = institution_named(session, institution)
    require(actor, "resource.create", institution_id=place_of.id)
    if path.stat().st_size > ctx.settings.upload_max_bytes:
        raise TooLarge(limit=ctx.settings.upload_max_bytes)
    refuse_program(path.name)
    sha256, size = _stage_and_keep(ctx, path, report)
    given = Given(
        institution_id=place_of.id,
        user_id=actor.person,
        who=actor.id,
        sha256=sha256,
        size=size,
        name=path.name,
        folder=folder_mark(str(path.resolve().parent)),
        fields=dict(fields or {}) | ({"title": title} if title else {}),
    )
    with ctx.db.write() as session:
        file = place(session, ctx, given)
    announce(ctx, file.id)
    if publish:
        curation.publish(ctx, actor, file.resource_id)
    return file


def attach_file(
    session: Session,
    ctx: Context,
    resource: Resource,
    *,
    sha256: str,
    size: int,
    name: str,
    role: str,
    actor_id: str,
    folder: str = "",
) -> File:
    """Add a given file to the newest version of a resource, with its first job and what the commit shall announce.

    The bytes are in the store already. The media type is a guess by the name; ``identify`` decides.
    """
    blobs.refer(session, ctx, {sha256: size})
    file = _file_row(ctx, resource, sha256=sha256, size=size, name=name, role=role, folder=folder)
    session.add(file)
    session.flush()
    jobs.enqueue(session, ctx, file)
    indexing.touch(session, ctx, resource)
    audit.record(session, ctx, actor_id, "file.deposit", resource.id, file=file.id, role=role, sha256=sha256)
    return file


def _file_row(ctx: Context, resource: Resource, *, sha256: str, size: int, name: str, role: str, folder: str) -> File:
    parsed = filenames.parse(name)
    file_id = new_id()
    return File(
        id=file_id,
        resource_id=resource.id,
        version=resource.version,
        role=role,
        path=f"given/{file_id}",
        name=parsed.name,
        stem=parsed.key,
        media_type=mimetypes.guess_type(parsed.name)[0] or "application/octet-stream",
        sha256=sha256,
        size=size,
        attributes={"folder": folder} if folder else {},  # as `folder_mark`
        created_at=ctx.clock(),
    )


def folder_mark(folder: str) -> str:
    """A mark to compare folders by, so that their names, which are nobody's business, are not kept."""
    return hashlib.sha256(folder.encode("utf-8", "surrogateescape")).hexdigest()[:16] if folder else ""


def announce(ctx: Context, file_id: str) -> None:
    """Ring for the first job of a file whose commit is done. A ring that is lost costs a poll."""
    with ctx.db.read() as session:
        ready = session.scalars(select(Job).where(Job.file_id == file_id, Job.state == "ready")).all()
    outbox.ring(ctx, ready)


def institution_named(session: Session, name: str) -> Institution:
    """The institution with this slug or id; NotFound otherwise."""
    found = session.scalar(select(Institution).where((Institution.slug == name) | (Institution.id == name)))
    if found is None:
        raise NotFound(code="institution_not_found")
    return found


def refuse_program(name: str, media_type: str = "") -> None:
    """Raises UnsupportedType for what is named like a program: nobody learns from those."""
    if filenames.parse(name).extension in filenames.PROGRAMS or media_type in filenames.PROGRAM_TYPES:
        raise UnsupportedType(code="file_type_refused", filename=filenames.clean(name))


def _stage_and_keep(ctx: Context, path: Path, report: Callable[[int], None]) -> tuple[str, int]:
    """Copy a file into the store while hashing it; its SHA-256 and size are those of the bytes that were copied."""
    digest = hashlib.sha256()
    staged = new_id()

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as source:
            while chunk := source.read(COPIED_AT_ONCE):
                digest.update(chunk)
                yield chunk
                report(len(chunk))

    try:
        size = ctx.store.write(staged, 0, chunks())
        blobs.announce(ctx, [digest.hexdigest()])
        ctx.store.keep(staged, digest.hexdigest())
    except BaseException:
        ctx.store.delete(STAGING + staged)
        raise
    return digest.hexdigest(), size


def _locked(session: Session, institution_id: str) -> Institution:
    """The institution, held until the commit: two halves of a pair that end together must see one another."""
    found = session.scalar(select(Institution).where(Institution.id == institution_id).with_for_update())
    if found is None:
        raise NotFound(code="institution_not_found")
    return found


def _target(session: Session, given: Given) -> Resource:
    resource = session.get(Resource, given.resource_id, with_for_update=True)
    if resource is None or resource.institution_id != given.institution_id:
        raise NotFound(code="resource_not_found")
    if resource.state == "withdrawn":
        raise Conflict(code="resource_withdrawn")
    return resource


def _joined_or_new(session: Session, ctx: Context, institution: Institution, given: Given, role: str) -> Resource:
    if role not in ("source", "captions"):
        raise Invalid(code="role_needs_resource", errors=(("role", "role_needs_resource", role),))
    parsed = filenames.parse(given.name)
    partner = _partner(session, given, parsed) if role == "captions" or parsed.played else None
    if partner is None:
        fields = {"title": parsed.title[:500]} | dict(given.fields)
        return catalog.new_resource(session, ctx, institution, created_by=given.user_id, **fields)
    if role == "source" and partner.metadata_rev == 1:  # until now it was named after its captions
        for name, value in ({"title": parsed.title[:500]} | dict(given.fields)).items():
            setattr(partner, name, value)
    return partner


def _partner(session: Session, given: Given, parsed: filenames.GivenName) -> Resource | None:
    """The own draft that this file completes: a video for captions, waiting captions for a video or for captions."""
    waiting = session.scalars(
        select(File)
        .join(Resource)
        .where(
            File.stem == parsed.key,
            File.source_id.is_(None),
            File.version == Resource.version,
            Resource.institution_id == given.institution_id,
            Resource.created_by.is_(None) if given.user_id is None else Resource.created_by == given.user_id,
            Resource.state == "draft",
        )
        .order_by(File.id.desc())
        .limit(WAITING_LOOKED_AT)
    ).all()
    near = [file for file in waiting if _near(file, given.folder)]
    near.sort(key=lambda file: file.attributes.get("folder", "") != given.folder)
    full = {file.resource_id for file in waiting if file.role == "source"}
    if parsed.captions:
        videos = [file for file in near if file.role == "source" and filenames.belongs(parsed, _parsed(file))]
        near = videos or [file for file in near if file.role == "captions" and file.resource_id not in full]
    else:
        near = [
            file
            for file in near
            if file.role == "captions" and file.resource_id not in full and filenames.belongs(_parsed(file), parsed)
        ]
    return near[0].resource if near else None


def _near(file: File, folder: str) -> bool:
    """Whether a file lies in this folder, or one of the two says nothing about folders."""
    other = file.attributes.get("folder", "")
    return not folder or not other or bool(other == folder)


def _parsed(file: File) -> filenames.GivenName:
    return filenames.parse(file.name)


def _next_version(session: Session, ctx: Context, resource: Resource, *, without: str) -> None:
    """Begin a new version that holds all given files of the old one but the replaced; learners keep the old one."""
    given = session.scalars(
        select(File).where(File.resource_id == resource.id, File.version == resource.version, File.source_id.is_(None))
    ).all()
    if without not in {file.id for file in given}:
        raise NotFound(code="file_not_found")
    resource.version += 1
    for old in given:
        if old.id == without:
            continue
        copy = _file_row(
            ctx,
            resource,
            sha256=old.sha256,
            size=old.size,
            name=old.name,
            role=old.role,
            folder=old.attributes.get("folder", ""),
        )
        session.add(copy)
        session.flush()
        jobs.enqueue(session, ctx, copy)
