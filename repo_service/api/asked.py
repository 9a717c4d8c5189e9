"""/api/v1/searches: what people look for, for those who look after search."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from repo_service.api.answers import Limit, problems
from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.services.asked import KEPT_DAYS, InVain, searched_in_vain

router = APIRouter(prefix="/api/v1/searches", tags=["search"])


@router.get(
    "/in-vain",
    response_model=list[InVain],
    responses=problems(),
    dependencies=[Depends(guard("search.curate"))],
)
def in_vain(
    ctx: Ctx, actor: CurrentActor, days: Annotated[int, Query(ge=1, le=KEPT_DAYS)] = 30, limit: Limit = 100
) -> list[InVain]:
    """What was searched for in vain, most often first. Nothing tells who asked."""
    return searched_in_vain(ctx, actor, days=days, limit=limit)
