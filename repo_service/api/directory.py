"""/api/v1/institutions, /divisions, /subjects: who gives, where, about what."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from repo_service.api.answers import LIMIT, Cursor, Limit, answer, page, problems
from repo_service.api.deps import PUBLIC_ROUTE, Ctx
from repo_service.services import directory
from repo_service.services.directory import DivisionView, InstitutionView
from repo_service.services.drafts import LINE, OneOf
from repo_service.services.paging import Page
from repo_service.services.records import SubjectView
from repo_service.vocab import INSTITUTION_KINDS

router = APIRouter(prefix="/api/v1", dependencies=[PUBLIC_ROUTE])
DivisionCode = Annotated[str, Query(pattern=r"^[0-9]{12}$", description="12-digit statistical code")]


@router.get("/institutions", response_model=Page[InstitutionView], responses=problems(), tags=["institutions"])
def institutions(
    request: Request,
    ctx: Ctx,
    kind: Annotated[Annotated[str, OneOf(*INSTITUTION_KINDS)] | None, Query()] = None,
    division: DivisionCode | None = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Response:
    """Institutions by slug; `division` takes those below it too."""
    return page(request, directory.institutions(ctx, kind=kind, division=division, cursor=cursor, limit=limit))


@router.get("/institutions/{slug}", response_model=InstitutionView, responses=problems(), tags=["institutions"])
def institution(
    request: Request, ctx: Ctx, slug: Annotated[str, Path(max_length=80, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
) -> Response:
    """One institution."""
    return answer(request, directory.institution(ctx, slug), personal=False)


@router.get("/divisions", response_model=Page[DivisionView], responses=problems(), tags=["divisions"])
def divisions(
    request: Request,
    ctx: Ctx,
    parent: DivisionCode | None = None,
    level: Annotated[int | None, Query(ge=1, le=5)] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Divisions by code: those directly below `parent`, those of one level, or all."""
    return page(request, directory.divisions(ctx, parent=parent, level=level, cursor=cursor, limit=limit))


@router.get("/divisions/{code}", response_model=DivisionView, responses=problems(), tags=["divisions"])
def division(request: Request, ctx: Ctx, code: Annotated[str, Path(pattern=r"^[0-9]{12}$")]) -> Response:
    """One division."""
    return answer(request, directory.division(ctx, code), personal=False)


@router.get("/subjects", response_model=Page[SubjectView], responses=problems(), tags=["subjects"])
def subjects(
    request: Request,
    ctx: Ctx,
    parent: Annotated[
        str | None, Query(pattern=r"^([A-Za-z0-9][A-Za-z0-9./=+-]{0,59})?$", description="Empty: the top")
    ] = None,
    q: Annotated[str | None, Query(min_length=1, max_length=60, pattern=LINE)] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Subjects by code: classes of the Chinese Library Classification and own slugs."""
    return page(request, directory.subject_list(ctx, parent=parent, q=q, cursor=cursor, limit=limit))
