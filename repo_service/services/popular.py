"""What type-ahead offers beside the names that the index holds: what many asked for, and collections by title.

Nobody's own words may surface. Nothing tells here who asked, so a query counts as popular only when it found something
on `DAYS` different days and `TIMES` times, of which one day lends at most `MOST_OF_A_DAY`: one person in one sitting
cannot bring it there, whatever they repeat. What looks like an address, a number or an identifier is never offered, nor
what no resource holds all the words of: an advertisement beside one common word finds something too, and is no query.

Each process holds the names in memory and looks at the database once a second at most, not for each key.
"""

import re
import threading
import time
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.db import Database
from repo_service.models import Collection, SearchTally
from search.errors import SearchUnavailable
from search.fields import completions
from search.model import Query
from search.query import understand
from search.suggest import LOOKED_AT, typed_keys

DAYS = 4
TIMES = 10
MOST_OF_A_DAY = 5
MAX_QUERIES = 3_000
MAX_COLLECTIONS = 3_000
QUERIES_FIRST = 3  # before what the index knows; further ones wait behind it
FRESH_SECONDS = 1.0  # a collection that was withdrawn is offered no longer than this
POPULAR_SECONDS = 600.0  # what many ask for does not change in a moment, and adding it up takes a while
CHECK_SECONDS = 0.5  # of a look: so long it is checked whether a resource holds the words of what many ask for
CHECKED_FOR = 86_400.0  # seconds for which that is believed
_LENGTHS = (2, 40)  # characters of a query that is offered
_NUMBER = re.compile(r"\d{6,}")  # as it stands without blanks and hyphens
_IDENTIFIER = re.compile(r"(?=[\w-]*\d[\w-]*\d[\w-]*\d)(?=[\w-]*[a-z])[a-z0-9_-]{10,}")
_MARKS = re.compile(r"[@:：\"“”「」<>{}\[\]()\\*?~^|]|//|www\.|(^|\s)-")
_LAST = "\U0010ffff"


class Offer(NamedTuple):
    """A completion with its address; courses by title will be one more kind."""

    text: str
    kind: Literal["query", "collection"]
    url: str
    worth: int  # how often it was asked for, or the number of its things


@dataclass(slots=True)
class _Names:
    """Offers by the keys of `search.fields.completions`, in order."""

    keys: list[str] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)

    @classmethod
    def of(cls, offers: Iterable[Offer]) -> "_Names":
        pairs = sorted((key, offer) for offer in offers for key in completions(offer.text))
        return cls([key for key, _ in pairs], [offer for _, offer in pairs])

    def like(self, q: str) -> tuple[list[Offer], list[Offer]]:
        """Those that begin as ``q`` does, and those with a later word that does; the best first."""
        best: dict[str, tuple[int, Offer]] = {}
        for rank, key in _places(q):
            first = bisect_left(self.keys, key)
            for offer in self.offers[first : min(bisect_left(self.keys, key + _LAST), first + LOOKED_AT)]:
                best[offer.url] = min(best.get(offer.url, (rank, offer)), (rank, offer))
        ranked = sorted(best.values(), key=lambda one: (one[0], -one[1].worth, len(one[1].text), one[1].text))
        return [offer for rank, offer in ranked if not rank], [offer for rank, offer in ranked if rank]


@dataclass(slots=True)
class _Known:
    """What this process knows of a database."""

    looked_at: float = 0.0
    counted_at: float = 0.0
    stamp: Hashable = None
    state: tuple[object, ...] = ()
    queries: _Names = field(default_factory=_Names)
    checked: dict[str, tuple[float, bool]] = field(default_factory=dict)  # query → (when, held)
    collections: _Names = field(default_factory=_Names)
    lock: threading.Lock = field(default_factory=threading.Lock)


_known: WeakKeyDictionary[Database, _Known] = WeakKeyDictionary()


def offers(ctx: Context, q: str) -> tuple[list[Offer], list[Offer]]:
    """What goes on like ``q``: what belongs before the names in the index, and what may follow them.

    By characters, pinyin or initials, from the beginning or from a later word on; the best first.
    """
    known = _current(ctx)
    queries, with_queries = known.queries.like(q)
    collections, with_collections = known.collections.like(q)
    return queries[:QUERIES_FIRST], [*collections, *with_collections, *queries[QUERIES_FIRST:], *with_queries]


def forget(ctx: Context) -> None:
    """Look at everything anew when it is asked for next."""
    _known.pop(ctx.db, None)


def offered(query: str) -> bool:
    """Whether a query may be shown to others: plain words of a sane length, nothing that may name somebody."""
    low, high = _LENGTHS
    digits = re.sub(r"[\s._-]", "", query)
    return low <= len(query) <= high and not (
        _NUMBER.search(digits) or _IDENTIFIER.search(query) or _MARKS.search(query)
    )


def _places(q: str) -> list[tuple[int, str]]:
    """Keys to look for with their rank: 0 for a beginning, 1 for a later word."""
    return [(rank, place + key) for key in sorted(typed_keys(q)) for rank, place in enumerate("^.")]


def _current(ctx: Context) -> _Known:
    """What is known; one request brings it up to date, the others go on with what there is."""
    known = _known.get(ctx.db)
    if known is None:
        known = _known.setdefault(ctx.db, _Known())
    now = time.monotonic()
    if (known.looked_at and now - known.looked_at < FRESH_SECONDS) or not known.lock.acquire(blocking=False):
        return known
    try:
        stamp = ctx.db.stamp()
        if stamp != known.stamp:
            with ctx.db.read() as session:
                asked = _renew(session, known, now)
            if asked is not None:
                known.queries = _Names.of(_answered(ctx, known, asked))
            known.stamp = stamp
        known.looked_at = now
    finally:
        known.lock.release()
    return known


def _renew(session: Session, known: _Known, now: float) -> list[Offer] | None:
    """Bring collections up to date; answer what many ask for, when it is time to look at that."""
    public = Collection.state == "published"
    state = session.execute(select(func.count(), func.max(Collection.updated_at)).where(public)).one()
    if tuple(state) != known.state:
        known.collections = _Names.of(_collections(session))
        known.state = tuple(state)
    if known.counted_at and now - known.counted_at < POPULAR_SECONDS:
        return None
    known.counted_at = now
    return _queries(session)


def _answered(ctx: Context, known: _Known, asked: Sequence[Offer]) -> list[Offer]:
    """Those of which a resource holds all the words. The rest of what could not be looked up in time comes later."""
    ends = time.monotonic() + CHECK_SECONDS
    known.checked = {offer.text: known.checked.get(offer.text, (-CHECKED_FOR, False)) for offer in asked}
    for query, (at, _) in known.checked.items():
        now = time.monotonic()
        if now > ends:
            known.counted_at = 0.0
            break
        if now - at >= CHECKED_FOR:
            try:
                known.checked[query] = (now, _held(ctx, query))
            except SearchUnavailable:
                break
    return [offer for offer in asked if known.checked[offer.text][1]]


def _held(ctx: Context, query: str) -> bool:
    """Whether some public resource holds every word of a query."""
    words = " ".join(f'"{word}"' for word in understand(query).asked)
    asked = Query(words, exact=True, limit=1, facets=(), passages_per_hit=0)
    return bool(words) and ctx.index.search(asked).total > 0


def _collections(session: Session) -> list[Offer]:
    """Published collections, the newest first."""
    rows = (
        select(Collection.id, Collection.title)
        .where(Collection.state == "published")
        .order_by(Collection.id.desc())
        .limit(MAX_COLLECTIONS)
    )
    found = session.execute(rows).all()
    return [
        Offer(title, "collection", f"/collections/{identity}", len(found) - n)
        for n, (identity, title) in enumerate(found)
    ]


def _queries(session: Session) -> list[Offer]:
    """What many asked for with success, most often asked first."""
    successes = SearchTally.asked - SearchTally.in_vain
    times = func.sum(case((successes > MOST_OF_A_DAY, MOST_OF_A_DAY), else_=successes))
    rows = (
        select(SearchTally.query, times)
        .where(successes > 0)
        .group_by(SearchTally.query)
        .having(func.count(SearchTally.day.distinct()) >= DAYS, times >= TIMES)
        .order_by(times.desc(), SearchTally.query)
        .limit(MAX_QUERIES)
    )
    return [
        Offer(query, "query", f"/search?{urlencode({'q': query})}", int(number))
        for query, number in session.execute(rows)
        if offered(query)
    ]
