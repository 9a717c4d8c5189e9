"""The catalogue: making, editing, listing and reading records, under the permission table."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, NotFound, StaleRevision
from repo_service.models import Idempotency, Institution, Passage, Resource, Subject, new_id
from repo_service.policy import Actor, can, places, require
from repo_service.services import audit, indexing
from repo_service.services.directory import districts, divisions, institution, institutions, subject_list
from repo_service.services.drafts import ResourceChanges, ResourceDraft
from repo_service.services.media import open_file, read_text
from repo_service.services.paging import DEFAULT_LIMIT, Page, decode, page_of
from repo_service.services.records import Record, Summary, record_of, summaries

__all__ = [
    "PassageView",
    "ResourceChanges",
    "ResourceDraft",
    "create",
    "districts",
    "divisions",
    "edit",
    "institution",
    "institutions",
    "list_resources",
    "new_resource",
    "open_file",
    "passages",
    "read_text",
    "record",
    "subject_list",
    "visible",
]

DESK = "resource.read"
Revisions = int | frozenset[int] | None


class PassageView(BaseModel):
    """A place in the resource: seconds for cues and chapters, a page from 1 for pages and slides."""

    id: str
    kind: str
    language: str
    start: float | None
    end: float | None
    page: int | None
    heading: str
    text: str
    notes: str = Field(description="A slide's speaker notes")
    url: str = Field(description="The page of the resource at this place")


def create(ctx: Context, actor: Actor, draft: ResourceDraft, *, idempotency_key: str | None = None) -> Resource:
    """Make a record in state ``draft``; asked again under the same key, answer the one that was made.

    Raises Invalid for unknown subjects and institutions, Conflict ``external_id_taken`` or ``idempotency_mismatch``.
    """
    try:
        return _create(ctx, actor, draft, idempotency_key)
    except (IntegrityError, Conflict):
        if not idempotency_key:
            raise
        return _create(ctx, actor, draft, idempotency_key)  # the same request was faster: its record is there now


def _create(ctx: Context, actor: Actor, draft: ResourceDraft, idempotency_key: str | None) -> Resource:
    asked = hashlib.sha256(draft.model_dump_json().encode()).hexdigest()
    key = hashlib.sha256(f"{actor.id}\0{idempotency_key}".encode()).hexdigest() if idempotency_key else None
    with ctx.db.write() as session:
        place = _giver(session, actor, draft.institution)
        before = session.get(Idempotency, key) if key else None
        if before is not None:
            if before.request_sha256 != asked:
                raise Conflict(code="idempotency_mismatch")
            return _loaded(session, before.resource_id)
        resource = new_resource(
            session, ctx, place, created_by=actor.person, **draft.model_dump(exclude={"institution"})
        )
        if key:
            now = ctx.clock()
            session.add(Idempotency(key_sha256=key, request_sha256=asked, resource_id=resource.id, created_at=now))
        audit.record(session, ctx, actor.id, "resource.create", resource.id)
        session.flush()
        return _loaded(session, resource.id)


def new_resource(
    session: Session, ctx: Context, place: Institution, *, created_by: str | None, **fields: Any
) -> Resource:
    """Add a draft inside the caller's transaction; ``fields`` are those of ResourceDraft. Raises as `create`."""
    _check_words(session, fields)
    now = ctx.clock()
    resource = Resource(
        id=new_id(), institution_id=place.id, created_by=created_by, created_at=now, updated_at=now, **fields
    )
    session.add(resource)
    _flush(session)
    return resource


def visible(session: Session, actor: Actor, resource_id: str, *, lock: bool = False) -> Resource:
    """The resource, when this actor may know of it; NotFound otherwise, whatever the reason.

    ``lock`` holds it until the commit: for changes that depend on the state that is found.
    """
    found = session.get(
        Resource,
        resource_id,
        options=[joinedload(Resource.institution)],
        with_for_update={"of": Resource} if lock else None,
    )
    if found is None or not (found.state == "published" or at_desk(actor, found)):
        raise NotFound(code="resource_not_found")
    return found


def at_desk(actor: Actor, resource: Resource) -> bool:
    """Whether the actor is one of those who see it in any state, with its newest content and its jobs."""
    return can(actor, DESK, institution_id=resource.institution_id, owner_id=resource.created_by)


def edit(ctx: Context, actor: Actor, resource_id: str, metadata_rev: Revisions, changes: ResourceChanges) -> Resource:
    """Change the fields that ``changes`` sets, on top of this revision, or one of these (None: whatever it is).

    Raises StaleRevision with ``current``, Invalid, NotFound, Forbidden.
    """
    with ctx.db.write() as session:
        resource = visible(session, actor, resource_id, lock=True)
        require(actor, "resource.edit", institution_id=resource.institution_id, owner_id=resource.created_by)
        check_revision(resource.metadata_rev, metadata_rev)
        fields = changes.model_dump(exclude_unset=True)
        if "title" in fields and not fields["title"]:
            raise Invalid(errors=(("title", "required", ""),))
        _check_words(session, fields)
        changed = {name: value for name, value in fields.items() if getattr(resource, name) != value}
        if changed:
            for name, value in changed.items():
                setattr(resource, name, value)
            resource.metadata_rev += 1
            resource.updated_at = ctx.clock()
            _flush(session)
            indexing.touch(session, ctx, resource, visibility=resource.state == "published")
            audit.record(session, ctx, actor.id, "resource.edit", resource.id, fields=sorted(changed))
    return resource


def check_revision(current: int, wanted: Revisions) -> None:
    """Raises StaleRevision unless the change is based on what is there."""
    if wanted is not None and current not in ({wanted} if isinstance(wanted, int) else wanted):
        raise StaleRevision(current=current)


def record(ctx: Context, actor: Actor, resource_id: str) -> Record:
    """The record as this actor sees it; NotFound."""
    with ctx.db.read() as session:
        resource = visible(session, actor, resource_id)
        return record_of(session, actor, resource, desk=at_desk(actor, resource))


def list_resources(
    ctx: Context,
    actor: Actor,
    *,
    institution: str | None = None,
    state: str | None = None,
    mine: bool = False,
    external_id: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Summary]:
    """Resources that this actor may know of, newest first; ``institution`` is a slug, ``mine``: made by the actor."""
    query = select(Resource).options(joinedload(Resource.institution)).where(readable(actor))
    if institution is not None:
        query = query.where(Resource.institution.has(Institution.slug == institution))
    if state is not None:
        query = query.where(Resource.state == state)
    if mine:
        query = query.where(Resource.created_by == actor.id)
    if external_id is not None:
        query = query.where(Resource.external_id == external_id)
    after = decode(cursor, str)
    if after is not None:
        query = query.where(Resource.id < after[0])
    with ctx.db.read() as session:
        rows = session.scalars(query.order_by(Resource.id.desc()).limit(limit + 1)).all()
        shown, following = page_of(rows, limit, lambda row: (row.id,))
        return Page(items=summaries(session, shown), next_cursor=following)


def readable(actor: Actor) -> ColumnElement[bool]:
    """What `visible` lets through, as a filter."""
    everywhere = places(actor, DESK)
    if everywhere is None:
        return Resource.id.is_not(None)
    if not everywhere:
        return Resource.state == "published"
    # Joined to nothing, the state is no column of an index: else all that is published would be sorted for a page.
    return or_(Resource.state.concat("") == "published", Resource.institution_id.in_(everywhere))


def passages(
    ctx: Context,
    actor: Actor,
    resource_id: str,
    *,
    kind: str | None = None,
    language: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[PassageView]:
    """The text of a resource in its order, place by place; NotFound."""
    with ctx.db.read() as session:
        resource = visible(session, actor, resource_id)
        version = resource.version if at_desk(actor, resource) else resource.served_version
        query = select(Passage).where(Passage.resource_id == resource.id, Passage.version == version)
        if kind is not None:
            query = query.where(Passage.kind == kind)
        if language is not None:
            query = query.where(Passage.language == language)
        after = decode(cursor, int, str)
        if after is not None:
            ordinal, row_id = after
            query = query.where(or_(Passage.ordinal > ordinal, (Passage.ordinal == ordinal) & (Passage.id > row_id)))
        rows = session.scalars(query.order_by(Passage.ordinal, Passage.id).limit(limit + 1)).all()
    shown, following = page_of(rows, limit, lambda row: (row.ordinal, row.id))
    return Page(items=[passage_view(row) for row in shown], next_cursor=following)


def passage_view(row: Passage) -> PassageView:
    """A place with its address: ``?t=`` seconds, or ``?page=``."""
    place = f"?t={row.start:g}" if row.start is not None else f"?page={row.page}" if row.page is not None else ""
    return PassageView(
        id=row.id,
        kind=row.kind,
        language=row.language,
        start=row.start,
        end=row.end,
        page=row.page,
        heading=row.heading,
        text=row.text,
        notes=row.notes,
        url=f"/resources/{row.resource_id}{place}",
    )


def _giver(session: Session, actor: Actor, slug: str) -> Institution:
    """The institution that a new record belongs to, when the actor may give in its name."""
    found = session.scalar(select(Institution).where(or_(Institution.slug == slug, Institution.id == slug)))
    if found is None:
        require(actor, "account.use")
        raise Invalid(errors=(("institution", "unknown_institution", slug),))
    require(actor, "resource.create", institution_id=found.id)
    return found


def _check_words(session: Session, fields: Mapping[str, Any]) -> None:
    codes = fields.get("subjects") or []
    known = set(session.scalars(select(Subject.code).where(Subject.code.in_(codes))))
    unknown = tuple(("subjects", "unknown_subject", code) for code in codes if code not in known)
    if unknown:
        raise Invalid(errors=unknown)


def _flush(session: Session) -> None:
    """Write what is pending; the one rule that only the database can hold becomes our refusal."""
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(code="external_id_taken") from error


def _loaded(session: Session, resource_id: str) -> Resource:
    return session.get_one(Resource, resource_id, options=[joinedload(Resource.institution)])
