"""The queue of what waits for review, and the decision about one thing."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from repo_service.api.answers import ours
from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.api.errors import refusal_of
from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, StaleRevision
from repo_service.policy import Actor
from repo_service.services import catalog, curation
from repo_service.services.workflow import APPROVE
from repo_service.web import covers
from repo_service.web.people import faults, said
from repo_service.web.view import page

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
DECIDE = Depends(guard("resource.decide"))
PUBLISH = Depends(guard("resource.publish"))
WAITING = 20


@router.get("/review", dependencies=[Depends(guard("account.use"))])
def queue(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """What waits for me to decide or to publish, the oldest first."""
    found = curation.queue(ctx, actor, cursor=request.query_params.get("cursor"), limit=WAITING)
    return page(request, "review.html", page=found, done=request.query_params.get("done", ""))


@router.get("/review/{resource_id}", dependencies=[PUBLISH])
def one(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """One thing with its way so far, and what can be decided about it."""
    return _one(request, ctx, actor, resource_id)


@router.post("/review/{resource_id}/decision", dependencies=[DECIDE])
def decide(
    request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str, verdict: Text, reason: Text = "", rev: Text = ""
) -> Response:
    """Approve it, or return it with a reason, if it still is what the page showed."""
    accept = verdict == "approve"
    return _act(
        request,
        ctx,
        actor,
        resource_id,
        lambda: curation.decide(ctx, actor, resource_id, accept=accept, reason=reason, seen=ours([rev])),
        f"/review/{resource_id}" if accept else "/review?done=returned",
    )


@router.post("/review/{resource_id}/publish", dependencies=[PUBLISH])
def publish(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """Put it before the public."""
    return _act(
        request, ctx, actor, resource_id, lambda: curation.publish(ctx, actor, resource_id), "/review?done=published"
    )


def _act(
    request: Request, ctx: Context, actor: Actor, resource_id: str, act: Callable[[], object], following: str
) -> Response:
    try:
        act()
    except (Conflict, Invalid, StaleRevision) as error:
        status = refusal_of(error).status
        stale = isinstance(error, StaleRevision)  # the page then shows it as it is now
        problem = "" if stale else said(request, error)
        wrong = faults(request, error)
        return _one(request, ctx, actor, resource_id, status=status, problem=problem, errors=wrong, stale=stale)
    return RedirectResponse(following, 303)


def _one(
    request: Request,
    ctx: Context,
    actor: Actor,
    resource_id: str,
    *,
    status: int = 200,
    problem: str = "",
    errors: dict[str, str] | None = None,
    stale: bool = False,
) -> Response:
    record = catalog.record(ctx, actor, resource_id)
    approved = "publish" in record.can
    history = curation.history(ctx, actor, resource_id)
    return page(
        request,
        "review_one.html",
        status=status,
        record=record,
        picture=record.thumbnail_url or covers.address(record.subjects, record.title, record.institution),
        approved=approved,
        changed=record.state == "in_review" and not approved and bool(history) and history[-1].action == APPROVE,
        stale=stale,
        history=history,
        problem=problem,
        errors=errors or {},
    )
