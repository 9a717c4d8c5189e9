"""The home page, and the pages that only tell something."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from repo_service.api.deps import PUBLIC_ROUTE, Ctx, keep
from repo_service.policy import ANONYMOUS
from repo_service.services import collections
from repo_service.services.asked import KEPT_DAYS
from repo_service.services.shelves import counts, newest
from repo_service.web import covers
from repo_service.web.view import page

router = APIRouter(dependencies=[PUBLIC_ROUTE], include_in_schema=False)
KINDS = ("elders", "vocational_skills", "community", "rural_adults", "adult_degree", "reading")
FRESH = 8
SETS = 4
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/")
def home(request: Request, ctx: Ctx) -> Response:
    """What there is, how to find it, what is new."""
    keep(request)
    found = counts(ctx)
    return page(
        request,
        "home.html",
        total=found.resources,
        givers=found.institutions,
        kinds=KINDS,
        fresh=newest(ctx, FRESH),
        collections=collections.listing(ctx, ANONYMOUS, limit=SETS).items,
    )


@router.get("/about")
def about(request: Request) -> Response:
    """What this is."""
    return page(request, "about.html", days=KEPT_DAYS)


@router.get("/help")
def instructions(request: Request) -> Response:
    """How to use it."""
    return page(request, "help.html")


@router.get("/accessibility")
def accessibility(request: Request) -> Response:
    """What is done so that everybody can use it."""
    return page(request, "accessibility.html")


@router.get("/covers/{palette}/{glyph}.svg")
def cover(palette: int, glyph: str) -> Response:
    """A drawn cover; what it looks like is all in its address (see `covers.address`)."""
    try:
        drawn = covers.draw(palette, chr(int(glyph[:6], 16)))
    except (ValueError, OverflowError):
        drawn = covers.draw(palette, "学")
    return Response(drawn, media_type="image/svg+xml", headers=FOR_EVER)
