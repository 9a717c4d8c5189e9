"""/api/v1/searches: what people look for and open, for those who look after search."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from repo_service.api.answers import LIMIT, Cursor, Limit, page, problems
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, Who, guard
from repo_service.api.deps import clicked as count_click
from repo_service.services import clicks
from repo_service.services.asked import KEPT_DAYS, InVain, searched_in_vain
from repo_service.services.clicks import ClickDraft, ClickedQuery
from repo_service.services.paging import Page

router = APIRouter(prefix="/api/v1/searches", tags=["search"])
Days = Annotated[int, Query(ge=1, le=KEPT_DAYS, description="Up to today, UTC")]


@router.get(
    "/in-vain",
    response_model=list[InVain],
    responses=problems(),
    dependencies=[Depends(guard("search.curate"))],
)
def in_vain(ctx: Ctx, actor: CurrentActor, days: Days = 30, limit: Limit = 100) -> list[InVain]:
    """What was searched for in vain, most often first. Nothing tells who asked."""
    return searched_in_vain(ctx, actor, days=days, limit=limit)


@router.post("/clicks", status_code=204, responses=problems(413), dependencies=[PUBLIC_ROUTE])
def click(request: Request, ctx: Ctx, actor: CurrentActor, who: Who, draft: ClickDraft) -> Response:
    """Tell that a person opened a hit, for judging search: no one is named, robots do not count.

    Only what is public when it is written down counts; what looks like a person's own words does not.
    """
    count_click(request, who, draft)
    return Response(status_code=204)


@router.get(
    "/clicks", response_model=Page[ClickedQuery], responses=problems(), dependencies=[Depends(guard("search.curate"))]
)
def clicked(
    request: Request, ctx: Ctx, actor: CurrentActor, days: Days = 30, cursor: Cursor = None, limit: Limit = LIMIT
) -> Response:
    """What was opened for which query at which rank, by query: judgements of real readers, without the readers."""
    return page(request, clicks.clicked(ctx, actor, days=days, cursor=cursor, limit=limit), personal=True)
