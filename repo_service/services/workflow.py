"""The way of a resource from draft to published and back, as data."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.models import Decision, File, Resource
from repo_service.policy import Actor, can

APPROVE = "approve"

# act: the states that it starts from. Approval leaves a resource `in_review`, where it waits to be published.
STARTS: dict[str, frozenset[str]] = {
    "edit": frozenset({"draft", "submitted", "in_review", "published", "rejected", "withdrawn"}),
    "upload": frozenset({"draft", "submitted", "in_review", "published", "rejected"}),
    "retry": frozenset({"draft", "submitted", "in_review", "published", "rejected", "withdrawn"}),
    "submit": frozenset({"draft", "rejected", "withdrawn"}),
    "decide": frozenset({"submitted", "in_review"}),
    "publish": frozenset({"in_review"}),
    "publish_unreviewed": frozenset({"draft", "submitted", "in_review", "rejected", "withdrawn"}),
    "withdraw": frozenset({"submitted", "in_review", "published"}),
}


def allowed(actor: Actor, resource: Resource, act: str) -> bool:
    """Whether the permission table lets ``actor`` do ``act`` to this resource, whatever its state."""
    return can(actor, f"resource.{act}", institution_id=resource.institution_id, owner_id=resource.created_by)


def possible(session: Session, actor: Actor, resource: Resource) -> list[str]:
    """The acts open to ``actor`` by the permission table in the present state, to draw buttons for."""
    acts = [act for act, states in STARTS.items() if resource.state in states and allowed(actor, resource, act)]
    if resource.state == "in_review" and {"publish", "decide"} & set(acts):
        done = "decide" if approved(session, resource) else "publish"
        return [act for act in acts if act != done]
    return acts


def approved(session: Session, resource: Resource) -> bool:
    """Whether the newest word is an approval of this version and revision, and no file came after it."""
    last = session.scalar(
        select(Decision).where(Decision.resource_id == resource.id).order_by(Decision.id.desc()).limit(1)
    )
    if last is None or last.action != APPROVE or last.version != resource.version:
        return False
    if last.metadata_rev not in (None, resource.metadata_rev):
        return False
    later = select(File.id).where(
        File.resource_id == resource.id,
        File.version == resource.version,
        File.source_id.is_(None),
        File.created_at > last.at,
    )
    return session.scalar(later.limit(1)) is None
