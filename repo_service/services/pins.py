"""What comes first, or never, when somebody asks with certain words: set by librarians, with a day on which it ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, literal, or_, select, tuple_
from sqlalchemy.orm import joinedload

from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Conflict, Invalid, NotFound
from repo_service.models import Resource, SearchPin
from repo_service.policy import Actor, require_anywhere
from repo_service.services import audit
from repo_service.services.drafts import LINE
from repo_service.services.moments import OfMoment
from repo_service.services.paging import DEFAULT_LIMIT, Page, decode, page_of
from search.text import tokens

MAX_OF_A_QUERY = 20
MAX_PINS = 5_000
LONGEST = 200
_WORDS = select(SearchPin.words).distinct()
_words = OfMoment[frozenset[str]]()
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


@dataclass(frozen=True, slots=True)
class Arranged:
    """Ids of resources for one query."""

    pinned: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class PinDraft(BaseModel):
    """A resource that comes first (or never, ``hides``) for a query, until a moment or for good."""

    model_config = ConfigDict(extra="forbid")
    query: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=LINE)]
    resource_id: Annotated[str, Field(pattern=_UUID)]
    hides: bool = False
    ends_at: datetime | None = None


class PinView(BaseModel):
    """A pin as librarians see it."""

    id: str
    query: str
    resource_id: str
    title: str
    hides: bool
    ends_at: datetime | None
    over: bool = Field(description="Its day has come")
    public: bool = Field(description="The resource is published")


def key(q: str) -> str:
    """A query by its words, however it is written: case, script and blanks make no difference.

    Nor does where Chinese is cut: words that are learned later would part a pin from its query.
    """
    written, chinese = "", False
    for token in tokens(q[:LONGEST]):
        if not token.part:
            written += token.text if chinese and token.han else f" {token.text}"
            chinese = token.han
    return written.strip()[:LONGEST]


def arranged(ctx: Context, q: str) -> Arranged:
    """What comes first and what never, for this query now."""
    words = key(q)
    if not words or words not in _all_words(ctx.db):
        return Arranged()
    with ctx.db.read() as session:
        live = or_(SearchPin.ends_at.is_(None), SearchPin.ends_at > ctx.clock())
        found = session.execute(
            select(SearchPin.resource_id, SearchPin.hides)
            .join(Resource)
            .where(SearchPin.words == words, live, Resource.state == "published")
            .order_by(SearchPin.id)
        ).all()
    pinned = tuple(identity for identity, hides in found if not hides)
    return Arranged(pinned, tuple(identity for identity, hides in found if hides))


def _all_words(db: Database) -> frozenset[str]:
    """The words of all pins: for nearly every search it is enough to know that there is none."""
    known = _words.at(db)
    if "" not in known:
        with db.look() as connection:
            known[""] = frozenset(connection.execute(_WORDS).scalars())
    return known[""]


def listing(ctx: Context, actor: Actor) -> list[PinView]:
    """All pins, those of one query together, those that are over too."""
    require_anywhere(actor, "search.curate")
    with ctx.db.read() as session:
        rows = session.scalars(
            select(SearchPin).options(joinedload(SearchPin.resource)).order_by(SearchPin.words, SearchPin.id)
        )
        return [_view(ctx, row) for row in rows]


def page(
    ctx: Context, actor: Actor, *, q: str = "", cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[PinView]:
    """Pins in the same order, page by page; with ``q`` those of this query alone."""
    require_anywhere(actor, "search.curate")
    order = SearchPin.words, SearchPin.id
    query = select(SearchPin).options(joinedload(SearchPin.resource)).order_by(*order).limit(limit + 1)
    if q:
        query = query.where(SearchPin.words == key(q))
    after = decode(cursor, str, str)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*map(literal, after)))
    with ctx.db.read() as session:
        shown, following = page_of(session.scalars(query).all(), limit, lambda row: (row.words, row.id))
        return Page(items=[_view(ctx, row) for row in shown], next_cursor=following)


def one(ctx: Context, actor: Actor, pin_id: str) -> PinView:
    """One pin; NotFound."""
    require_anywhere(actor, "search.curate")
    with ctx.db.read() as session:
        row = session.get(SearchPin, pin_id)
        if row is None:
            raise NotFound()
        return _view(ctx, row)


def add(ctx: Context, actor: Actor, draft: PinDraft) -> tuple[str, bool]:
    """Pin or hide; one that is there already is changed. Answer its id, and whether it is new.

    Raises Invalid and Conflict.
    """
    require_anywhere(actor, "search.curate")
    words = key(draft.query)
    if not words:
        raise Invalid(errors=(("query", "no_words", ""),))
    if draft.ends_at is not None and (draft.ends_at.tzinfo is None or draft.ends_at <= ctx.clock()):
        raise Invalid(errors=(("ends_at", "in_the_past", ""),))
    with ctx.db.write() as session:
        resource = session.get(Resource, draft.resource_id)
        if resource is None or resource.state != "published":
            raise Invalid(errors=(("resource_id", "unknown_resource", draft.resource_id),))
        same = select(SearchPin).where(SearchPin.words == words)
        row = session.scalars(same.where(SearchPin.resource_id == draft.resource_id)).one_or_none()
        new = row is None
        if row is None:
            of_query = session.scalar(select(func.count()).select_from(same.subquery())) or 0
            if of_query >= MAX_OF_A_QUERY or (session.scalar(select(func.count(SearchPin.id))) or 0) >= MAX_PINS:
                raise Conflict(code="lexicon_full", limit=MAX_OF_A_QUERY)
            row = SearchPin(words=words, resource_id=draft.resource_id, created_at=ctx.clock())
            row.created_by = actor.person
            session.add(row)
        told = draft.query.strip(), draft.hides, draft.ends_at
        if (row.typed, row.hides, row.ends_at) == told:
            return row.id, new
        row.typed, row.hides, row.ends_at = told
        session.flush()
        act = "search.hide" if draft.hides else "search.pin"
        audit.record(session, ctx, actor.id, act, row.resource_id, query=row.typed, ends_at=row.ends_at)
    return row.id, new


def remove(ctx: Context, actor: Actor, pin_id: str) -> None:
    """Take a pin back; NotFound."""
    require_anywhere(actor, "search.curate")
    with ctx.db.write() as session:
        row = session.get(SearchPin, pin_id)
        if row is None:
            raise NotFound()
        session.delete(row)
        audit.record(session, ctx, actor.id, "search.unpin", row.resource_id, query=row.typed, hid=row.hides)


def _view(ctx: Context, row: SearchPin) -> PinView:
    return PinView(
        id=row.id,
        query=row.typed,
        resource_id=row.resource_id,
        title=row.resource.title,
        hides=row.hides,
        ends_at=row.ends_at,
        over=row.ends_at is not None and row.ends_at <= ctx.clock(),
        public=row.resource.state == "published",
    )
