"""Review and publishing: submit, decide, publish, withdraw, and the queue of what waits."""

from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, NotFound
from repo_service.models import Decision, File, Job, Resource, Upload, User
from repo_service.policy import Actor, can, places, require
from repo_service.services import audit, indexing
from repo_service.services.catalog import Revisions, at_desk, check_revision, visible
from repo_service.services.jobs import processing_of
from repo_service.services.paging import DEFAULT_LIMIT, Page, decode, page_of
from repo_service.services.records import Summary, summaries
from repo_service.services.workflow import APPROVE, STARTS, approved

WAITING = ("submitted", "in_review")
SUBMIT, RETURN, PUBLISH, WITHDRAW = "submit", "return", "publish", "withdraw"


class DecisionView(BaseModel):
    """One step of a resource's way through review."""

    id: str
    action: str
    version: int
    by: str | None
    by_name: str
    reason: str
    at: datetime


def submit(ctx: Context, actor: Actor, resource_id: str) -> Resource:
    """Hand a draft in for review. Raises Conflict where its state does not allow it."""
    with ctx.db.write() as session:
        resource = _taken(session, actor, resource_id, "submit")
        _refuse_failed(session, resource)
        _move(session, ctx, actor, resource, "submitted", SUBMIT)
    return resource


def decide(
    ctx: Context, actor: Actor, resource_id: str, *, accept: bool, reason: str = "", seen: Revisions = None
) -> Resource:
    """Approve what was handed in, or return it with a reason.

    Nobody decides about their own: Conflict ``own_resource`` for who made, submitted or uploaded any of it. ``seen`` is
    the revision that was looked at, or some: StaleRevision when it is another one by now. Approval leaves the resource
    ``in_review``, to be published as it is: what is edited after it needs another one.
    """
    with ctx.db.write() as session:
        resource = _taken(session, actor, resource_id, "decide")
        check_revision(resource.metadata_rev, seen)
        if not accept and not reason.strip():
            raise Invalid(errors=(("reason", "reason_required", ""),))
        if actor.id in _hands(session, resource):
            raise Conflict(code="own_resource")
        if accept and approved(session, resource):
            raise Conflict(code="already_approved")
        state, action = ("in_review", APPROVE) if accept else ("rejected", RETURN)
        _move(session, ctx, actor, resource, state, action, reason)
    return resource


def publish(ctx: Context, actor: Actor, resource_id: str) -> Resource:
    """Put an approved resource before the public.

    A system administrator may also publish what nobody reviewed; the audit trail says so. Raises Conflict
    ``not_approved``, ``processing_failed``, or ``wrong_state``.
    """
    with ctx.db.write() as session:
        resource = visible(session, actor, resource_id, lock=True)
        reviewed = resource.state in STARTS["publish"] and approved(session, resource)
        unreviewed = not reviewed and can(actor, "resource.publish_unreviewed")
        if not unreviewed:
            require(actor, "resource.publish", institution_id=resource.institution_id)
        if resource.state == "published":
            raise _wrong_state(resource, "publish")
        if not reviewed and not unreviewed:
            raise Conflict(code="not_approved", state=resource.state)
        _refuse_failed(session, resource)
        resource.published_at = resource.published_at or ctx.clock()
        what = "resource.publish_unreviewed" if unreviewed else "resource.publish"
        _move(session, ctx, actor, resource, "published", PUBLISH, what=what)
    return resource


def withdraw(ctx: Context, actor: Actor, resource_id: str, *, reason: str = "") -> Resource:
    """Take a resource out of everything that the public sees, at once; its people keep it."""
    with ctx.db.write() as session:
        resource = _taken(session, actor, resource_id, "withdraw")
        _move(session, ctx, actor, resource, "withdrawn", WITHDRAW, reason)
    return resource


def history(ctx: Context, actor: Actor, resource_id: str) -> list[DecisionView]:
    """The resource's way so far, oldest first, for those who work on it."""
    with ctx.db.read() as session:
        resource = visible(session, actor, resource_id)
        if not at_desk(actor, resource):
            raise NotFound(code="resource_not_found")
        rows = session.execute(
            select(Decision, User.name)
            .outerjoin(User, User.id == Decision.by_user)
            .where(Decision.resource_id == resource.id)
            .order_by(Decision.id)
        ).all()
    return [
        DecisionView(
            id=row.id,
            action=row.action,
            version=row.version,
            by=row.by_user,
            by_name=name or "",
            reason=row.reason,
            at=row.at,
        )
        for row, name in rows
    ]


def queue(
    ctx: Context, actor: Actor, *, state: str | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Summary]:
    """What waits for this actor to decide or to publish, the oldest first."""
    require(actor, "account.use")
    query = select(Resource).options(joinedload(Resource.institution))
    query = query.where(Resource.state.in_((state,) if state in WAITING else WAITING))
    deciding, publishing = places(actor, "resource.decide"), places(actor, "resource.publish")
    if deciding is not None and publishing is not None:
        # Joined to nothing, the institution is no column of an index: few records wait, whoever has how many.
        query = query.where(Resource.institution_id.concat("").in_(deciding | publishing))
    after = decode(cursor, str)
    if after is not None:
        query = query.where(Resource.id > after[0])
    with ctx.db.read() as session:
        rows = session.scalars(query.order_by(Resource.id).limit(limit + 1)).all()
        shown, following = page_of(rows, limit, lambda row: (row.id,))
        return Page(items=summaries(session, shown), next_cursor=following)


def _taken(session: Session, actor: Actor, resource_id: str, act: str) -> Resource:
    """The resource, when the actor may do this to it and its state allows it."""
    resource = visible(session, actor, resource_id, lock=True)
    require(actor, f"resource.{act}", institution_id=resource.institution_id, owner_id=resource.created_by)
    if resource.state not in STARTS[act]:
        raise _wrong_state(resource, act)
    return resource


def _wrong_state(resource: Resource, act: str) -> Conflict:
    return Conflict(f"{act} does not start from {resource.state}", code="wrong_state", state=resource.state, action=act)


def _move(
    session: Session,
    ctx: Context,
    actor: Actor,
    resource: Resource,
    state: str,
    action: str,
    reason: str = "",
    *,
    what: str = "",
) -> None:
    """Change the state with all that belongs to it: decision, audit, index."""
    shown = {resource.state, state} & {"published"}
    resource.state = state
    resource.metadata_rev += 1
    resource.updated_at = ctx.clock()
    session.add(
        Decision(
            resource_id=resource.id,
            version=resource.version,
            metadata_rev=resource.metadata_rev,
            action=action,
            by_user=actor.person,
            reason=reason.strip(),
            at=ctx.clock(),
        )
    )
    indexing.touch(session, ctx, resource, visibility=bool(shown))
    audit.record(session, ctx, actor.id, what or f"resource.{action}", resource.id, state=state, reason=reason.strip())


def _hands(session: Session, resource: Resource) -> set[str | None]:
    """Everybody who had a hand in it: who made it, who handed it in, who uploaded a file."""
    submitters = select(Decision.by_user).where(Decision.resource_id == resource.id, Decision.action == SUBMIT)
    uploaders = select(Upload.user_id).where(
        or_(
            Upload.resource_id == resource.id,
            Upload.file_id.in_(select(File.id).where(File.resource_id == resource.id)),
        )
    )
    return {resource.created_by, *session.scalars(submitters), *session.scalars(uploaders)} - {None}


def _refuse_failed(session: Session, resource: Resource) -> None:
    here = (resource.id, resource.version)
    jobs = session.scalars(select(Job).where(Job.resource_id == here[0], Job.version == here[1])).all()
    files = session.scalars(
        select(File).where(File.resource_id == here[0], File.version == here[1], File.source_id.is_(None))
    ).all()
    if processing_of(jobs, files) == "failed":
        raise Conflict(code="processing_failed")
