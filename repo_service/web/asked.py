"""What people searched for in vain, for librarians."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.services.asked import searched_in_vain
from repo_service.web.view import page

router = APIRouter(include_in_schema=False)
DAYS = 30


@router.get("/search/in-vain", dependencies=[Depends(guard("search.curate"))])
def in_vain(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """What nothing was found for: gaps in the catalogue, or words that it calls otherwise."""
    return page(request, "search_in_vain.html", queries=searched_in_vain(ctx, actor, days=DAYS), days=DAYS)
