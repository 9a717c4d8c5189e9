"""The search page: a plain GET form, facets that can be ticked, hits with their moments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from markupsafe import Markup
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, Who, guard
from repo_service.api.deps import asked as count_search
from repo_service.api.deps import clicked as count_click
from repo_service.errors import Invalid
from repo_service.services import saved
from repo_service.services.clicks import ClickDraft
from repo_service.services.finding import FacetValue, SearchPage, SearchRequest, offset_of, search
from repo_service.services.hits import FoundPassage
from repo_service.services.labels import WHY
from repo_service.services.shelves import reviewed
from repo_service.web.home import KINDS
from repo_service.web.look import look_of
from repo_service.web.view import clock, page
from search.model import FACETS, Sort

router = APIRouter(include_in_schema=False)
SIGNED_IN = Depends(guard("account.use"))
SORTS: tuple[Sort, ...] = get_args(Sort)
SHOWN = ("media_kind", "kind", "institution_kind", "institution", "division", "subject", "duration", "captions",
         "degree", "vocational", "level", "language", "licence", "downloadable", "year")  # fmt: skip
PAGE = 10
EXACT = "true"  # of the parameter `exact`: nothing is respelled
LONGEST = 500  # characters of a query that are looked at


@dataclass(frozen=True, slots=True)
class Chip:
    """A chosen filter, and the address without it."""

    label: str
    without: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a hit: its mark is a time or a page."""

    url: str
    kind: str
    paged: bool
    mark: str
    text: Markup


@router.get("/search", dependencies=[PUBLIC_ROUTE])
def results(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """The catalogue, narrowed by words and by facets."""
    asked = request_of(request)
    found = search(ctx, actor, asked)
    count_search(request, asked, found)
    chosen = [(name, value) for name, values in asked.filters.items() for value in values]
    address = urlencode([("q", asked.q), *chosen, *([("exact", EXACT)] if asked.exact else [])])
    return page(
        request,
        "search.html",
        found=found,
        q=asked.q,
        sort=asked.sort,
        sorts=SORTS,
        cursor=asked.cursor,
        exact=asked.exact,
        kept=[*chosen, *([("sort", asked.sort)] if asked.sort != "relevance" else [])],
        chips=chips(request, found),
        facets=[(name, found.facets[name]) for name in SHOWN if telling(found.facets.get(name, []))],
        kinds=KINDS,
        reviewed=reviewed(ctx, [hit.id for hit in found.hits]),
        feed=f"/search/feed.atom?{address}",
        address=address if asked.q or chosen else "",
        first=offset_of(asked) + 1 if asked.q and not chosen and asked.sort == "relevance" else 0,
        saved="saved" in request.query_params,
        moments={hit.id: [moment(place) for place in hit.passages] for hit in found.hits},
        why={hit.id: [WHY[name][asked.locale == "en"] for name in hit.why if name in WHY] for hit in found.hits},
    )


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
def save(ctx: Ctx, actor: CurrentActor, address: Annotated[str, Form()] = "") -> Response:
    """Keep a search on one's account page."""
    return RedirectResponse(f"/search?{saved.save(ctx, actor, address)}&saved=1", 303)


@router.post("/search/saved/{saved_id}/remove", dependencies=[SIGNED_IN])
def forget(ctx: Ctx, actor: CurrentActor, saved_id: str) -> Response:
    """Keep a search no longer."""
    saved.remove(ctx, actor, saved_id)
    return RedirectResponse("/account", 303)


def request_of(request: Request) -> SearchRequest:
    """The search that an address stands for; what it does not understand, it leaves out."""
    given = request.query_params
    sort = next((one for one in SORTS if one == given.get("sort")), SORTS[0])
    filters = {name: tuple(v for v in given.getlist(name) if v) for name in FACETS}
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
    typed = {(one.facet, value): one.text for one in found.typed_filters for value in one.values}
    return [
        Chip(value.label, _without(request, name, value.value, typed.get((name, value.value), "")))
        for name in SHOWN
        for value in found.facets.get(name, [])
        if value.selected
    ]


def telling(values: Sequence[FacetValue]) -> bool:
    """Whether a facet helps to choose: there is more than one value, or one is chosen."""
    return len(values) > 1 or any(value.selected for value in values)


def moment(place: FoundPassage) -> Moment:
    """A place as a link; a section of a text is reached by its anchor too, without scripts."""
    anchor = f"#section-{place.page}" if place.kind == "section" and place.page else ""
    at = clock(place.start) if place.start is not None else str(place.page or "")
    return Moment(place.url + anchor, place.kind, place.page is not None, at, Markup(place.highlighted))  # noqa: S704 — escaped by the service


def _without(request: Request, name: str, value: str, typed: str) -> str:
    kept = [
        pair
        for pair in request.query_params.multi_items()
        if pair != (name, value) and pair[0] not in ("cursor", "saved")
    ]
    if typed:
        kept = [(one, " ".join(said.replace(typed, " ").split()) if one == "q" else said) for one, said in kept]
    return f"/search?{urlencode(kept)}"
