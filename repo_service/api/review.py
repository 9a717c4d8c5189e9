"""The way from draft to published: submit, decide, publish, withdraw, and what waits."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from repo_service.api.answers import LIMIT, Cursor, Id, Limit, page, problems, revisions
from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.api.resources import IfMatch, shown
from repo_service.services import curation
from repo_service.services.curation import DecisionView
from repo_service.services.drafts import TEXT, OneOf
from repo_service.services.paging import Page
from repo_service.services.records import Record, Summary

router = APIRouter(prefix="/api/v1", tags=["review"])
Reason = Annotated[str, Field(max_length=2000, pattern=TEXT)]


class DecisionDraft(BaseModel):
    """A reviewer's word; a refusal needs its reason."""

    model_config = ConfigDict(extra="forbid")
    accept: bool
    reason: Reason = ""


class Withdrawal(BaseModel):
    """Why it is taken back."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""


@router.post(
    "/resources/{resource_id}/submit",
    response_model=Record,
    responses=problems(409),
    dependencies=[Depends(guard("resource.submit"))],
)
def submit(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: Id) -> Response:
    """Hand a draft in for review."""
    curation.submit(ctx, actor, resource_id)
    return shown(request, ctx, actor, resource_id)


@router.post(
    "/resources/{resource_id}/decisions",
    response_model=Record,
    responses=problems(409, 412, 413),
    dependencies=[Depends(guard("resource.decide"))],
)
def decide(
    request: Request, ctx: Ctx, actor: CurrentActor, resource_id: Id, decision: DecisionDraft, if_match: IfMatch = None
) -> Response:
    """Approve what was handed in (it stays `in_review` until it is published), or return it. Never one's own.

    With `If-Match`, only if it is what was looked at. What is edited after its approval needs another one.
    """
    seen = revisions(if_match) if if_match else None
    curation.decide(ctx, actor, resource_id, accept=decision.accept, reason=decision.reason, seen=seen)
    return shown(request, ctx, actor, resource_id)


@router.get(
    "/resources/{resource_id}/decisions",
    response_model=list[DecisionView],
    responses=problems(),
    dependencies=[Depends(guard("account.use"))],
)
def history(ctx: Ctx, actor: CurrentActor, resource_id: Id) -> list[DecisionView]:
    """The way so far, oldest first, for those who work on the resource."""
    return curation.history(ctx, actor, resource_id)


@router.post(
    "/resources/{resource_id}/publish",
    response_model=Record,
    responses=problems(409),
    dependencies=[Depends(guard("resource.publish"))],
)
def publish(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: Id) -> Response:
    """Put an approved resource before the public."""
    curation.publish(ctx, actor, resource_id)
    return shown(request, ctx, actor, resource_id)


@router.post(
    "/resources/{resource_id}/withdraw",
    response_model=Record,
    responses=problems(409, 413),
    dependencies=[Depends(guard("resource.withdraw"))],
)
def withdraw(
    request: Request, ctx: Ctx, actor: CurrentActor, resource_id: Id, withdrawal: Withdrawal | None = None
) -> Response:
    """Take it out of everything that the public sees, at once."""
    curation.withdraw(ctx, actor, resource_id, reason=withdrawal.reason if withdrawal else "")
    return shown(request, ctx, actor, resource_id)


@router.get("/queue", response_model=Page[Summary], responses=problems(), dependencies=[Depends(guard("account.use"))])
def queue(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    state: Annotated[Annotated[str, OneOf(*curation.WAITING)] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Response:
    """What waits for you to decide or to publish, the oldest first."""
    found = curation.queue(ctx, actor, state=state, cursor=cursor, limit=limit)
    return page(request, found, personal=True)
