"""What pages begin with: how much there is, what is new, in whose name somebody may give."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from repo_service.context import Context
from repo_service.models import Decision, Institution
from repo_service.policy import Actor, places
from repo_service.services import counting, publicity
from repo_service.services.records import Summary, summaries
from repo_service.services.workflow import APPROVE


@dataclass(frozen=True, slots=True)
class Counts:
    """How many resources are public, and how many institutions gave them."""

    resources: int
    institutions: int


def counts(ctx: Context) -> Counts:
    """Counted in the database."""
    found = counting.published(ctx)
    return Counts(sum(found.values()), len(found))


def newest(ctx: Context, limit: int) -> list[Summary]:
    """The resources that were published last, the newest first."""
    found = publicity.newest(ctx, limit)
    with ctx.db.read() as session:
        return summaries(session, found)


def giving_to(ctx: Context, actor: Actor) -> list[Institution]:
    """The institutions in whose name the actor may bring courseware, by name; all of them for an operator."""
    allowed = places(actor, "resource.create")
    query = select(Institution).order_by(Institution.name)
    if allowed is not None:
        query = query.where(Institution.id.in_(allowed))
    with ctx.db.read() as session:
        return list(session.scalars(query))


def institution_kinds(ctx: Context) -> set[str]:
    """The kinds of institution that there are."""
    with ctx.db.read() as session:
        return set(session.scalars(select(Institution.kind).distinct()))


def reviewed(ctx: Context, ids: Sequence[str]) -> set[str]:
    """Those of these resources that a reviewer approved; an operator may publish without."""
    with ctx.db.read() as session:
        query = select(Decision.resource_id).where(Decision.resource_id.in_(ids), Decision.action == APPROVE)
        return set(session.scalars(query))
