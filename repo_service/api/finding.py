"""/api/v1/search and /api/v1/suggest."""

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from repo_service.api.answers import LIMIT, UUID, Cursor, Limit, answer, problems
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, Lang, guard, keep
from repo_service.api.deps import asked as count_search
from repo_service.services import indexing
from repo_service.services.drafts import OneOf
from repo_service.services.explaining import Explanation
from repo_service.services.explaining import explain as explained
from repo_service.services.indexing import SearchPage, SearchRequest, SuggestionView
from search.model import FACETS, Sort

router = APIRouter(prefix="/api/v1", tags=["search"])
QUERY_LENGTH = 1000  # what comes after it is not looked at, and not repeated in links
VALUES = 50  # of one facet
Words = Annotated[str, Query(description="A person's words: Chinese, pinyin, English")]
Exact = Annotated[bool, Query(description="Words as they are typed: nothing is respelled, nothing means the same")]
_SUGGESTIONS = TypeAdapter(list[SuggestionView])
SortBy = Annotated[Annotated[str, OneOf(*get_args(Sort))], Query()]


@router.get(
    "/search",
    response_model=SearchPage,
    responses=problems(),
    dependencies=[PUBLIC_ROUTE],
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": "Facet filter; repeatable, values are alternatives",
                "schema": {"type": "array", "items": {"type": "string"}, "maxItems": VALUES},
            }
            for name in FACETS
        ]
    },
)
def search(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    lang: Lang,
    q: Words = "",
    sort: SortBy = "relevance",
    exact: Exact = False,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Response:
    """Find resources and the places inside them. Facets narrow each other; one facet's values are alternatives."""
    asked = search_request(request, q=q, sort=sort, cursor=cursor, limit=limit, locale=lang, exact=exact)
    found = indexing.search(ctx, actor, asked)
    count_search(request, asked, found)
    response = answer(request, found, personal=False)
    if found.next_cursor is not None:
        words = {"q": q[:QUERY_LENGTH]} if q else {}
        following = request.url.include_query_params(**words, cursor=found.next_cursor)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return response


@router.get(
    "/search/explain",
    response_model=Explanation,
    responses=problems(),
    dependencies=[Depends(guard("search.curate"))],
)
def explain(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    id: Annotated[str, Query(pattern=UUID, description="Of the resource")],
    q: Words = "",
    exact: Exact = False,
) -> Response:
    """Why a resource stands where it stands for these words: the parts of its score. For librarians."""
    return answer(request, explained(ctx, actor, q[:QUERY_LENGTH], id, exact=exact), personal=True)


@router.get("/suggest", response_model=list[SuggestionView], responses=problems(), dependencies=[PUBLIC_ROUTE])
def suggest(request: Request, ctx: Ctx, q: Words = "", limit: Annotated[int, Query(ge=1, le=10)] = 10) -> Response:
    """Complete what was typed, by characters, pinyin or initials: with what has a name, and what many ask for."""
    found = indexing.suggest(ctx, q, limit)
    if found:  # none may mean that the index is away
        keep(request)
    return Response(_SUGGESTIONS.dump_json(found), media_type="application/json")


def search_request(
    request: Request,
    *,
    q: str,
    sort: str,
    cursor: str | None,
    limit: int,
    locale: Lang,
    offset: int = 0,
    exact: bool = False,
) -> SearchRequest:
    """The query string as a search; each facet is a repeatable parameter of its name, unknown ones are ignored."""
    filters = {name: tuple(request.query_params.getlist(name)[:VALUES]) for name in FACETS}
    chosen: Sort = next((known for known in get_args(Sort) if known == sort), "relevance")
    return SearchRequest(
        q=q[:QUERY_LENGTH],
        filters={name: values for name, values in filters.items() if values},
        sort=chosen,
        limit=limit,
        cursor=cursor,
        offset=offset,
        locale=locale,
        exact=exact,
    )
