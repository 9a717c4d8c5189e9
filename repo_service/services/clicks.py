"""Which hit was opened for which query, added up by day to judge search by; without a trace of who opened it.

The rules are those of the query log (`asked`): a process tallies in memory and writes every few seconds, what looks
like a person is not kept, a day keeps so many rows, and the same number of days is kept. Of a page view only a number
that the page made up is known, in memory and for a while, so that a hit counts once for each view (in each process); of
an address only how often it told something in this minute.
"""

import time
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from repo_service.context import Context
from repo_service.errors import TooMany
from repo_service.models import Resource, SearchClick, SearchTally
from repo_service.policy import Actor, require_anywhere
from repo_service.services.asked import FLUSH_SECONDS, cleaned
from repo_service.services.paging import DEFAULT_LIMIT, Page, decode, page_of
from repo_service.services.tallying import Tally

RANKS = (1, 2, 3, 4, 6, 11, 21)  # the first rank of each group of ranks that is told apart
MOST_TALLIED = 5_000  # different rows of one process between two writes
MOST_A_DAY = 20_000  # rows that a day keeps
MOST_VIEWS = 20_000  # (page view, hit) pairs that are remembered
MOST_ADDRESSES = 10_000
MINUTE = 60.0
A_MINUTE = 60  # from one address
A_MINUTE_BY_KEY = 600  # from an institution's own site, for all its visitors
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class Click(NamedTuple):
    """A hit that was opened: ``rank`` is the first of its group of ranks."""

    query: str
    resource_id: str
    rank: int


class ClickDraft(BaseModel):
    """Somebody opened a hit."""

    model_config = ConfigDict(extra="forbid")
    q: Annotated[str, Field(min_length=1, max_length=1000, description="The query as it was typed")]
    resource_id: Annotated[str, Field(pattern=_UUID)]
    rank: Annotated[int, Field(ge=1, le=10_000, description="Place of the hit, from 1 for the first of all pages")]
    view: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9_-]{0,64}$", description="Any mark of the page view: a hit counts once for each"),
    ] = ""


class ClickView(BaseModel):
    """How often a hit was opened at a rank."""

    resource_id: str
    external_id: str | None
    rank: int = Field(description=f"The first of its group: {', '.join(map(str, RANKS))} (and beyond)")
    clicks: int


class ClickedQuery(BaseModel):
    """A query with what was opened for it."""

    query: str = Field(description="Folded: simplified, small letters, half width")
    asked: int = Field(description="How often it was asked in these days")
    clicks: list[ClickView]


class Clicks(Tally[Counter[Click]]):
    """The openings of hits in one process."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, every=FLUSH_SECONDS)
        self._views: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._told: Counter[str] = Counter()  # by who told it, in this minute
        self._minute = time.monotonic()

    def note(self, draft: ClickDraft, *, teller: str, most: int = A_MINUTE) -> None:
        """Count one opening; from time to time have written down what was counted.

        ``teller``: an address or an account, which may tell ``most`` of them in a minute. Raises TooMany.
        """
        click = Click(cleaned(draft.q), draft.resource_id, RANKS[bisect_right(RANKS, draft.rank) - 1])
        with self._open() as tally:
            self._count_telling(teller, most)
            if click.query and not self._seen(draft) and (click in tally or len(tally) < MOST_TALLIED):
                tally[click] += 1

    def _new(self) -> Counter[Click]:
        return Counter()

    def _write(self, tally: Mapping[Click, int]) -> None:
        write_down(self._ctx, tally)

    def _count_telling(self, teller: str, most: int) -> None:
        now = time.monotonic()
        if now - self._minute >= MINUTE:
            self._told.clear()
            self._minute = now
        if teller not in self._told and len(self._told) >= MOST_ADDRESSES:
            teller = ""  # whoever comes on top of so many shares one allowance
        if self._told[teller] >= most:
            raise TooMany(retry_after=self._minute + MINUTE - now)
        self._told[teller] += 1

    def _seen(self, draft: ClickDraft) -> bool:
        """Whether this page view told of this hit before."""
        if not draft.view:
            return False
        pair = draft.view, draft.resource_id
        known = pair in self._views
        self._views[pair] = None
        self._views.move_to_end(pair)
        if len(self._views) > MOST_VIEWS:
            self._views.popitem(last=False)
        return known


def write_down(ctx: Context, tally: Mapping[Click, int]) -> None:
    """Add a tally to today's. What is not public is left out; a day that is full takes no more new rows."""
    if not tally:
        return
    today = ctx.clock().date().isoformat()
    insert = sqlite.insert if ctx.db.is_sqlite else postgresql.insert
    ids = sorted({click.resource_id for click in tally})
    with ctx.db.write() as session:
        mine = SearchClick.day == today
        room = MOST_A_DAY - (session.scalar(select(func.count()).select_from(SearchClick).where(mine)) or 0)
        public = set(session.scalars(select(Resource.id).where(Resource.id.in_(ids), Resource.state == "published")))
        rows = select(SearchClick.query, SearchClick.resource_id, SearchClick.rank).where(mine)
        known = {Click(*row) for row in session.execute(rows.where(SearchClick.resource_id.in_(ids)))}
        for click, number in sorted(tally.items()):
            if click.resource_id not in public:
                continue
            room -= click not in known
            if room < 0 and click not in known:
                continue
            added = insert(SearchClick).values(day=today, **click._asdict(), clicks=number)
            session.execute(
                added.on_conflict_do_update(
                    index_elements=["day", "query", "resource_id", "rank"],
                    set_={"clicks": SearchClick.clicks + number},
                )
            )


def clicked(
    ctx: Context, actor: Actor, *, days: int = 30, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[ClickedQuery]:
    """What was opened in these days by query, in order of queries, for those who look after search."""
    require_anywhere(actor, "search.curate")
    since = (ctx.clock().date() - timedelta(days=days)).isoformat()
    after = decode(cursor, str)
    queries = select(SearchClick.query).where(SearchClick.day > since).distinct().order_by(SearchClick.query)
    if after is not None:
        queries = queries.where(SearchClick.query > after[0])
    with ctx.db.read() as session:
        shown, following = page_of(session.scalars(queries.limit(limit + 1)).all(), limit, lambda query: (query,))
        times = func.sum(SearchClick.clicks)
        columns = SearchClick.query, SearchClick.resource_id, Resource.external_id, SearchClick.rank
        rows = session.execute(
            select(*columns, times)
            .join(Resource, Resource.id == SearchClick.resource_id)
            .where(SearchClick.day > since, SearchClick.query.in_(shown))
            .group_by(*columns)
            .order_by(times.desc(), SearchClick.resource_id, SearchClick.rank)
        ).all()
        asked = dict(
            session.execute(
                select(SearchTally.query, func.sum(SearchTally.asked))
                .where(SearchTally.day > since, SearchTally.query.in_(shown))
                .group_by(SearchTally.query)
            ).all()
        )
    found: dict[str, list[ClickView]] = {query: [] for query in shown}
    for query, identity, external, rank, number in rows:
        found[query].append(ClickView(resource_id=identity, external_id=external, rank=rank, clicks=number))
    items = [ClickedQuery(query=query, asked=asked.get(query, 0), clicks=views) for query, views in found.items()]
    return Page(items=items, next_cursor=following)
