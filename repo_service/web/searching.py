"""The search page: a plain GET form, facets that can be ticked, hits with their moments."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, Who, guard
from repo_service.api.deps import asked as count_search
from repo_service.api.deps import clicked as count_click
from repo_service.context import Context
from repo_service.errors import Invalid
from repo_service.policy import Actor
from repo_service.services import paging, saved
from repo_service.services.addresses import parameters
from repo_service.services.clicks import ClickDraft
from repo_service.services.finding import SearchPage, SearchRequest, offset_of, search
from repo_service.services.hits import HitView
from repo_service.services.shelves import reviewed
from repo_service.services.trees import TREES, narrowest
from repo_service.web.facets import SHOWN, boxes
from repo_service.web.home import KINDS
from repo_service.web.look import Locale, look_of
from repo_service.web.moments import moment, parts_of
from repo_service.web.view import page
from repo_service.web.words import word
from search.model import FACETS, Sort

router = APIRouter(include_in_schema=False)
SIGNED_IN = Depends(guard("account.use"))
SORTS: tuple[Sort, ...] = get_args(Sort)
QUICK = (("captions", "true"), ("downloadable", "true"))  # what many want, one press away on every screen
PAGE = 10
LOST = frozenset({"bad_cursor", "stale_cursor", "too_deep"})  # codes of pages that are no more
EXACT = "true"  # of the parameter `exact`: nothing is respelled
LONGEST = 500  # characters of a query that are looked at
CHOSEN = 60  # filters that are looked at: each has a link without it, which names all the others
_KEPT = ("q", "sort", "exact")  # parameters that another search takes over, beside filters


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter, and the address without it where it is chosen, with it where it is not."""

    label: str
    url: str
    facet: str = ""
    count: int = 0


@router.get("/search", dependencies=[PUBLIC_ROUTE])
def results(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """The catalogue, narrowed by words and by facets."""
    asked = request_of(request)
    with ctx.db.read() as session:
        narrow = narrowest(session, asked.filters)
    if narrow != asked.filters:  # the box of a branch goes out when one below it is ticked
        return RedirectResponse(_address(request, narrow), 303)
    asked, found, begun = _from_where(ctx, actor, asked)
    count_search(request, asked, found)
    start = offset_of(asked)
    chosen = [(name, value) for name, values in asked.filters.items() for value in values]
    address = urlencode(parameters(asked.q, asked.filters, exact=asked.exact))
    made = boxes(ctx, found.facets, lambda name, value, below: _widened(request, found, name, value, below))
    ticked = {box.name for box in made} - set(TREES)  # a typed filter that is a ticked box may be unticked too
    return page(
        request,
        "search.html",
        found=found,
        q=asked.q,
        sort=asked.sort,
        sorts=SORTS,
        start=start + 1,
        previous=paging.encode(found.generation, start - PAGE) if start > PAGE else "",
        begun=begun,
        exact=asked.exact,
        kept=[*chosen, *([("sort", asked.sort)] if asked.sort != SORTS[0] else [])],
        chips=chips(request, found),
        quick=quick(request, found),
        cleared=_cleared(request, found),
        boxes=made,
        words=_untyped([("q", asked.q)], [one.text for one in found.typed_filters if one.facet in ticked])[0][1],
        kinds=KINDS,
        feed=f"/search/feed.atom?{address}",
        address=address if asked.q or chosen else "",
        first=start + 1 if asked.q and not chosen and asked.sort == "relevance" else 0,
        saved="saved" in request.query_params,
        **_told(ctx, found, asked.locale),
    )


def _from_where(ctx: Context, actor: Actor, asked: SearchRequest) -> tuple[SearchRequest, SearchPage, str]:
    """The search, its answer, and the code of why it begins at its first page where another one was asked for.

    A page that is no more, of an index that was renewed or beyond all depth, costs nobody the words and filters.
    """
    try:
        return asked, search(ctx, actor, asked), ""
    except Invalid as error:
        if asked.cursor is None or error.stable_code not in LOST:
            raise
        anew = replace(asked, cursor=None)
        return anew, search(ctx, actor, anew), error.stable_code


def _told(ctx: Ctx, found: SearchPage, locale: Locale) -> dict[str, Any]:
    """What is said of each hit beside what the service says."""
    return {
        "reviewed": reviewed(ctx, [hit.id for hit in found.hits]),
        "moments": {hit.id: [moment(place, hit.language) for place in hit.passages] for hit in found.hits},
        "why": {hit.id: list(dict.fromkeys(_why(hit, locale))) for hit in found.hits},
    }


def _why(hit: HitView, locale: Locale) -> Iterator[str]:
    """Where the words of a search stand; of what is inside, whether it is spoken, on slides or on pages."""
    for name in hit.why:
        if name == "passages" and hit.passages:
            yield from (word(locale, "part", part) for part in parts_of(hit.passages))
        else:
            yield word(locale, "why", name)


@router.post("/search/clicks", dependencies=[PUBLIC_ROUTE], status_code=204)
def click(
    request: Request, actor: CurrentActor, who: Who, q: Annotated[str, Form()] = "",
    resource_id: Annotated[str, Form()] = "", rank: Annotated[int, Form()] = 0, view: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Count a hit that was opened, as the page tells of it in passing."""
    try:
        draft = ClickDraft(q=q, resource_id=resource_id, rank=rank, view=view)
    except ValidationError:
        raise Invalid() from None
    count_click(request, who, draft)
    return Response(status_code=204)


@router.post("/search/saved", dependencies=[SIGNED_IN])
def save(request: Request, ctx: Ctx, actor: CurrentActor, address: Annotated[str, Form()] = "") -> Response:
    """Keep a search on one's account page."""
    _, kept = saved.save(ctx, actor, address, locale=look_of(request).locale)
    return RedirectResponse(f"/search?{kept}&saved=1", 303)


@router.post("/search/saved/{saved_id}/remove", dependencies=[SIGNED_IN])
def forget(ctx: Ctx, actor: CurrentActor, saved_id: str) -> Response:
    """Keep a search no longer."""
    saved.remove(ctx, actor, saved_id)
    return RedirectResponse("/account", 303)


def request_of(request: Request) -> SearchRequest:
    """The search that an address stands for; what it does not understand, it leaves out."""
    given = request.query_params
    sort = next((one for one in SORTS if one == given.get("sort")), SORTS[0])
    chosen = _chosen(request)
    filters = {name: tuple(dict.fromkeys(value for key, value in chosen if key == name)) for name in FACETS}
    return SearchRequest(
        q=given.get("q", "").strip()[:LONGEST],
        filters={name: values for name, values in filters.items() if values},
        sort=sort,
        limit=PAGE,
        cursor=given.get("cursor"),
        locale=look_of(request).locale,
        exact=given.get("exact") == EXACT,
    )


def chips(request: Request, found: SearchPage) -> list[Chip]:
    """Each chosen filter with the address that takes it away, out of the words too where it was typed."""
    return [
        Chip(value.label, _without(request, found, name, {value.value}), name)
        for name in SHOWN
        for value in found.facets.get(name, [])
        if value.selected
    ]


def quick(request: Request, found: SearchPage) -> list[Chip]:
    """Filters to choose by one press, where they would take some hits away and leave some."""
    return [
        Chip(value.label, _with(request, name, value.value), name, value.count)
        for name, wanted in QUICK
        for value in found.facets.get(name, [])
        if value.value == wanted and not value.selected and 0 < value.count < found.total
    ]


def _pairs(request: Request) -> list[tuple[str, str]]:
    """What another search takes over: no more than is looked at."""
    said = [(name, value[:LONGEST]) for name in _KEPT if (value := request.query_params.get(name))]
    return [*said, *_chosen(request)]


def _chosen(request: Request) -> list[tuple[str, str]]:
    """The filters of an address, as many as are looked at."""
    given = request.query_params.multi_items()
    return [(name, value) for name, value in given if value and name in FACETS][:CHOSEN]


def _to(pairs: Iterable[tuple[str, str]]) -> str:
    kept = urlencode([(name, value) for name, value in pairs if value])
    return f"/search?{kept}" if kept else "/search"


def _address(request: Request, filters: Mapping[str, Iterable[str]]) -> str:
    """The same search with these filters for its own."""
    chosen = [(name, value) for name, values in filters.items() for value in values]
    return _to([*(pair for pair in _pairs(request) if pair[0] not in FACETS), *chosen])


def _with(request: Request, name: str, value: str) -> str:
    return _to([*_pairs(request), (name, value)])


def _without(request: Request, found: SearchPage, name: str, values: Iterable[str]) -> str:
    """Without some values of a facet, however they came there."""
    away = {(name, value) for value in values}
    typed = [one.text for one in found.typed_filters if one.facet == name and away & {(name, v) for v in one.values}]
    return _to(_untyped([pair for pair in _pairs(request) if pair not in away], typed))


def _widened(request: Request, found: SearchPage, name: str, value: str, below: Iterable[str]) -> str:
    """With a branch of a tree in the place of those below it."""
    kept = _without(request, found, name, below)
    return f"{kept}{'&' if '?' in kept else '?'}{urlencode({name: value})}"


def _cleared(request: Request, found: SearchPage) -> str:
    """The same words without any filter."""
    words = [pair for pair in _pairs(request) if pair[0] not in FACETS]
    return _to(_untyped(words, [one.text for one in found.typed_filters]))


def _untyped(pairs: list[tuple[str, str]], typed: Iterable[str]) -> list[tuple[str, str]]:
    for text in typed:
        pairs = [(one, " ".join(said.replace(text, " ").split()) if one == "q" else said) for one, said in pairs]
    return pairs
