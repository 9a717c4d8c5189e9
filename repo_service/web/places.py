"""Institutions: who gives courseware, and what each of them gave."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from repo_service import vocab
from repo_service.api.deps import PUBLIC_ROUTE, Ctx
from repo_service.policy import ANONYMOUS
from repo_service.services import catalog
from repo_service.services.directory import InstitutionView
from repo_service.services.shelves import institution_kinds
from repo_service.web.look import look_of
from repo_service.web.view import page

router = APIRouter(dependencies=[PUBLIC_ROUTE], include_in_schema=False)
PLACES = 60
THINGS = 24


@router.get("/institutions")
def institutions(request: Request, ctx: Ctx) -> Response:
    """All of them, or those of one kind."""
    asked = request.query_params.get("kind", "")
    kind = asked if asked in vocab.INSTITUTION_KINDS else None
    found = catalog.institutions(ctx, kind=kind, cursor=request.query_params.get("cursor"), limit=PLACES)
    there = institution_kinds(ctx)
    kinds = [one for one in vocab.INSTITUTION_KINDS if one in there]
    return page(request, "institutions.html", page=found, kind=kind, kinds=kinds, name_of=_namer(request))


@router.get("/institutions/{slug}")
def institution(request: Request, ctx: Ctx, slug: str) -> Response:
    """One of them, with what it published."""
    place = catalog.institution(ctx, slug)
    cursor = request.query_params.get("cursor")
    found = catalog.list_resources(
        ctx, ANONYMOUS, institution=place.slug, state="published", cursor=cursor, limit=THINGS
    )
    return page(request, "institution.html", place=place, page=found, name_of=_namer(request))


def _namer(request: Request) -> Callable[[InstitutionView], str]:
    """What an institution is called in the reader's language, where it has a name in it."""
    english = look_of(request).locale == "en"
    return lambda place: place.name_en if english and place.name_en else place.name
