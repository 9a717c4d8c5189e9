"""What people search for, added up by day without a trace of who asked; what they searched in vain, for librarians.

Each process tallies in memory and writes every few seconds from a thread of its own: a search neither waits for it nor
fails with it. What looks like a person (e-mail addresses, long numbers) is not kept at all.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from repo_service.context import Context
from repo_service.models.asked import SearchTally
from repo_service.policy import Actor, require_anywhere
from repo_service.services.tallying import Tally
from search.fold import fold

FLUSH_SECONDS = 30.0  # each write ends what is kept ready for readers
MOST_TALLIED = 2_000  # different queries of one process between two writes
MOST_A_DAY = 5_000  # different queries that a day keeps
KEPT_DAYS = 90
LONGEST = 100  # characters
_PERSONAL = re.compile(r"@|\d{7,}|\d{3,}[ ._-]+\d{4,}")

Times = Mapping[tuple[str, str], tuple[int, int]]  # (language, query) → asked, in vain


class InVain(BaseModel):
    """A query that found nothing."""

    query: str = Field(description="Folded: simplified, small letters, half width")
    times: int = Field(description="How often nothing was found in these days")
    last_day: str = Field(description="The last of these days, UTC")


class Asked(Tally[dict[tuple[str, str], tuple[int, int]]]):
    """The searches of one process."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, every=FLUSH_SECONDS)

    def note(self, query: str, language: str, total: int) -> None:
        """Count one search; from time to time have written down what was counted."""
        key = language, cleaned(query)
        if not key[1]:
            return
        with self._open() as tally:
            if key in tally or len(tally) < MOST_TALLIED:
                asked, in_vain = tally.get(key, (0, 0))
                tally[key] = asked + 1, in_vain + (total == 0)

    def _new(self) -> dict[tuple[str, str], tuple[int, int]]:
        return {}

    def _write(self, tally: Times) -> None:
        write_down(self._ctx, tally)


def cleaned(query: str) -> str:
    """A query as it is counted; empty when it is too long for one, or may name a person."""
    plain = " ".join(fold(query.encode("utf-8", "ignore").decode()).split())
    return "" if len(plain) > LONGEST or _PERSONAL.search(plain) or not plain.isprintable() else plain


def write_down(ctx: Context, tally: Times) -> None:
    """Add a tally to today's. A day that is full takes no more new queries."""
    if not tally:
        return
    today = ctx.clock().date()
    insert = sqlite.insert if ctx.db.is_sqlite else postgresql.insert
    with ctx.db.write() as session:
        mine = SearchTally.day == today.isoformat()
        room = MOST_A_DAY - (session.scalar(select(func.count()).select_from(SearchTally).where(mine)) or 0)
        asked_before = select(SearchTally.language, SearchTally.query).where(mine)
        known = {(row.language, row.query) for row in session.execute(asked_before)}
        for (language, query), (asked, in_vain) in sorted(tally.items()):
            room -= (language, query) not in known
            if room < 0 and (language, query) not in known:
                continue
            added = insert(SearchTally).values(
                day=today.isoformat(), language=language, query=query, asked=asked, in_vain=in_vain
            )
            session.execute(
                added.on_conflict_do_update(
                    index_elements=["day", "language", "query"],
                    set_={"asked": SearchTally.asked + asked, "in_vain": SearchTally.in_vain + in_vain},
                )
            )


def first_kept(ctx: Context) -> str:
    """The oldest day of which queries and clicks are kept; the reconciler removes those before it."""
    return (ctx.clock().date() - timedelta(days=KEPT_DAYS)).isoformat()


def searched_in_vain(ctx: Context, actor: Actor, *, days: int = 30, limit: int = 100) -> list[InVain]:
    """What was asked for most often in these days without any hit, for those who look after search."""
    require_anywhere(actor, "search.curate")
    since = (ctx.clock().date() - timedelta(days=days)).isoformat()
    times = func.sum(SearchTally.in_vain)
    query = (
        select(SearchTally.query, times, func.max(SearchTally.day))
        .where(SearchTally.day > since, SearchTally.in_vain > 0)
        .group_by(SearchTally.query)
        .order_by(times.desc(), SearchTally.query)
        .limit(limit)
    )
    with ctx.db.read() as session:
        return [InVain(query=asked, times=number, last_day=day) for asked, number, day in session.execute(query)]
