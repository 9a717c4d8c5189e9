"""What a curator may pick from on a page that searches: the same for collections and for pins."""

from fastapi import Request

from repo_service.context import Context
from repo_service.policy import Actor
from repo_service.services.finding import SearchRequest, search
from repo_service.services.hits import HitView
from repo_service.web.look import look_of

CANDIDATES = 10


def candidates(request: Request, ctx: Context, actor: Actor, q: str) -> list[HitView]:
    """The first hits for these words, none without words."""
    if not q:
        return []
    asked = SearchRequest(q=q, limit=CANDIDATES, facets=(), passages=0, locale=look_of(request).locale)
    return search(ctx, actor, asked).hits
