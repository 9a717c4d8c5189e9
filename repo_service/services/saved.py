"""Searches that a person keeps, to come back to or to follow as a feed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, Field
from sqlalchemy import func, select

from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, NotFound
from repo_service.models import SavedSearch, SearchDigest
from repo_service.policy import Actor, require
from repo_service.services.finding import CONTROL
from repo_service.services.labels import Locale, labels_of
from search.model import FACETS

MAX_SAVED = 100
LONGEST = 2_000
_KEPT = ("q", "exact", *FACETS)


class DigestView(BaseModel):
    """Mail about what is new in a kept search."""

    every: Literal["daily", "weekly"]
    next_at: datetime
    sent_at: datetime | None = Field(description="When the last letter went")
    error: str = Field(description="Code of the last failure, which is tried again; empty when all is well")


class SavedView(BaseModel):
    """A kept search with its addresses."""

    id: str
    name: str
    url: str
    feed: str
    digest: DigestView | None = Field(description="None: no mail is wanted")
    created_at: datetime


def listing(ctx: Context, actor: Actor) -> list[SavedView]:
    """One's own, the newest first."""
    require(actor, "account.use")
    with ctx.db.read() as session:
        own = (
            select(SavedSearch, SearchDigest)
            .outerjoin(SearchDigest, SearchDigest.saved_id == SavedSearch.id)
            .where(SavedSearch.user_id == actor.id)
            .order_by(SavedSearch.id.desc())
        )
        return [_view(row, digest) for row, digest in session.execute(own)]


def one(ctx: Context, actor: Actor, saved_id: str) -> SavedView:
    """One of one's own; NotFound."""
    require(actor, "account.use")
    with ctx.db.read() as session:
        row = session.get(SavedSearch, saved_id)
        if row is None or row.user_id != actor.id:
            raise NotFound()
        return _view(row, session.get(SearchDigest, saved_id))


def _view(row: SavedSearch, digest: SearchDigest | None) -> SavedView:
    told = None
    if digest is not None:
        every: Literal["daily", "weekly"] = "daily" if digest.every == "daily" else "weekly"
        told = DigestView(every=every, next_at=digest.due_at, sent_at=digest.sent_at, error=digest.error)
    return SavedView(
        id=row.id,
        name=row.name,
        url=f"/search?{row.address}",
        feed=f"/search/feed.atom?{row.address}",
        digest=told,
        created_at=row.created_at,
    )


def save(ctx: Context, actor: Actor, address: str, name: str = "", locale: Locale = "zh") -> tuple[str, str]:
    """Keep the search of this query string; one that is kept already stays.

    Answers (id, the query string as it is kept: words and filters alone). Raises Invalid and Conflict: what is too long
    is not cut, for without its last filters it would be another search.
    """
    require(actor, "account.use")
    pairs = [(key, CONTROL.sub(" ", value)) for key, value in parse_qsl(address) if key in _KEPT]
    kept = urlencode(sorted(pairs))
    if len(kept) > LONGEST:
        raise Invalid(errors=(("address", "too_long", ""),))
    if not pairs or actor.person is None:
        raise Invalid(errors=(("address", "no_words", ""),))
    with ctx.db.write() as session:
        own = select(SavedSearch).where(SavedSearch.user_id == actor.id)
        row = session.scalars(own.where(SavedSearch.address == kept)).one_or_none()
        if row is None:
            if (session.scalar(select(func.count()).select_from(own.subquery())) or 0) >= MAX_SAVED:
                raise Conflict(code="lexicon_full", limit=MAX_SAVED)
            called = name.strip() or said(ctx, pairs, locale)
            row = SavedSearch(user_id=actor.person, address=kept, name=called[:200], created_at=ctx.clock())
            session.add(row)
            session.flush()
        return row.id, kept


def said(ctx: Context, pairs: Sequence[tuple[str, str]], locale: Locale) -> str:
    """The words and filters of a search, by their parameters, as people read them."""
    named = {name: [value for key, value in pairs if key == name] for name in FACETS}
    called = labels_of(ctx.db, {name: values for name, values in named.items() if values}, locale)
    return " · ".join(called.get(key, {}).get(value, value) for key, value in pairs if key in ("q", *FACETS))


def remove(ctx: Context, actor: Actor, saved_id: str) -> None:
    """Forget one of one's own; NotFound."""
    require(actor, "account.use")
    with ctx.db.write() as session:
        row = session.get(SavedSearch, saved_id)
        if row is None or row.user_id != actor.id:
            raise NotFound()
        session.delete(row)
