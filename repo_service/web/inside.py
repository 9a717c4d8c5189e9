"""Searching inside one resource: the search of the whole catalogue, asked for the places of one hit."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request

from repo_service.context import Context
from repo_service.policy import Actor
from repo_service.services.finding import SearchRequest, search
from repo_service.services.records import Record
from repo_service.web.look import look_of
from repo_service.web.moments import Moment, moment

PLACES = 100  # the best ones; more are counted, but not shown
LONGEST = 500  # characters of a query that are looked at
ORDERS = ("worth", "time")


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found in a resource, in one of ORDERS."""

    q: str
    order: str
    total: int
    places: list[Moment]
    degraded: bool


def inside(request: Request, ctx: Context, actor: Actor, record: Record) -> Inside | None:
    """The places that the address asks for by ``?q=``; None where it does not ask, or the resource is not public."""
    q = request.query_params.get("q", "").strip()[:LONGEST]
    if not q or record.state != "published":
        return None
    order = next((one for one in ORDERS if one == request.query_params.get("order")), ORDERS[0])
    asked = SearchRequest(
        q=q, within=record.id, limit=PLACES, passages=PLACES, facets=(), locale=look_of(request).locale
    )
    found = search(ctx, actor, asked)
    places = [moment(place, record.language) for hit in found.hits for place in hit.passages]
    if order == "time":
        places.sort(key=lambda place: place.at)
    kept = urlencode({"q": q} | ({"order": order} if order != ORDERS[0] else {}))
    return Inside(q, order, found.total, [_kept(place, kept) for place in places], found.degraded)


def _kept(place: Moment, words: str) -> Moment:
    """The same place, with the search still open beside it."""
    address, mark, anchor = place.url.partition("#")
    return replace(place, url=f"{address}{'&' if '?' in address else '?'}{words}{mark}{anchor}")
