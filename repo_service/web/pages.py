"""All pages as one router, and the page of a refusal."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from repo_service.api.errors import Problem
from repo_service.web import (
    asked,
    collecting,
    curating,
    desk,
    digests,
    home,
    people,
    places,
    resources,
    reviewing,
    searching,
)
from repo_service.web.look import look_of
from repo_service.web.messages import heading, sentence
from repo_service.web.people import signing_in
from repo_service.web.view import page

router = APIRouter(include_in_schema=False)
for part in (home, searching, digests, asked, curating, desk, resources, places, collecting, reviewing, people):
    router.include_router(part.router)


def error_page(request: Request, problem: Problem) -> Response:
    """The page of a refusal: what happened, that nothing is lost, what to do; signing in where that helps."""
    if problem.status == 401 and request.method == "GET":
        return RedirectResponse(signing_in(request), 303)
    locale = look_of(request).locale
    return page(
        request,
        "error.html",
        status=problem.status,
        problem_status=problem.status,
        heading=heading(problem.status, locale),
        sentence=sentence(problem.code, locale),
        errors=[one.detail for one in problem.errors if one.detail],
        request_id=problem.request_id,
    )
