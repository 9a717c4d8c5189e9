"""Mail about kept searches: wanted or not on the account page, ended from the letter itself without signing in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from repo_service.api.deps import SECRET_ROUTE, Ctx, CurrentActor, guard
from repo_service.services import digests
from repo_service.services.digests import PERIODS, Every
from repo_service.web.look import look_of
from repo_service.web.view import page

router = APIRouter(include_in_schema=False)
PRIVATE = {"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@router.post("/search/saved/{saved_id}/digest", dependencies=[Depends(guard("account.use"))])
def choose(
    request: Request, ctx: Ctx, actor: CurrentActor, saved_id: str, every: Annotated[str, Form()] = ""
) -> Response:
    """Have mail sent about a kept search, or no more."""
    chosen: Every | None = "daily" if every == "daily" else "weekly" if every in PERIODS else None
    digests.choose(ctx, actor, saved_id, chosen, look_of(request).locale)
    return RedirectResponse("/account#kept", 303)


@router.get("/search/digests/{saved_id}/{token}", dependencies=[SECRET_ROUTE])
def ask(request: Request, ctx: Ctx, saved_id: str, token: str) -> Response:
    """Ask whether mail about a search is to end: programs that look at links in mail must not end it."""
    name = digests.name_of(ctx, saved_id, token)
    return page(request, "digest_end.html", headers=PRIVATE, name=name, ended=name is None)


@router.post("/search/digests/{saved_id}/{token}", dependencies=[SECRET_ROUTE])
def end(request: Request, ctx: Ctx, saved_id: str, token: str) -> Response:
    """End mail about a search, by the page's button or by a mail program's (RFC 8058)."""
    digests.unsubscribe(ctx, saved_id, token)
    return page(request, "digest_end.html", headers=PRIVATE, name=None, ended=True)
