"""The words of search that people look after: what means the same, and what is one word. Every process follows."""

import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Conflict, Invalid, NotFound
from repo_service.models import Counter, Institution, OwnWord, Resource, Subject, SynonymGroup
from repo_service.policy import Actor, require_anywhere
from repo_service.services import audit, counters, outbox
from repo_service.services.drafts import LINE
from repo_service.services.paging import Page, decode, page_of
from search import words as dictionary
from search.errors import SearchUnavailable
from search.fold import fold
from search.model import Query
from search.synonyms import NONE, SEPARATOR, Synonyms, curated_groups

COUNTER = "lexicon"  # raised with every change, so that all processes notice
FRESH_SECONDS = 1.0
LONGEST_NAME = 6  # characters of a subject's or an institution's name that is taken as one word
MAX_GROUPS = 2_000
MAX_WORDS = 5_000
AFFECTED = 1_000  # resources that are indexed anew at once when a word comes or goes
SHOWN = 5
_PAGE = 100
_PLAIN = r"[^\s\x00-\x1F\x7F]*"
_WORD = re.compile(r"[^\s\x00-\x1F\x7F]{2,40}")

Expression = Annotated[str, Field(min_length=1, max_length=60, pattern=LINE)]


class GroupDraft(BaseModel):
    """Expressions that mean the same."""

    model_config = ConfigDict(extra="forbid")
    expressions: Annotated[list[Expression], Field(min_length=1, max_length=8)]


class WordDraft(BaseModel):
    """A word of Chinese, or with Chinese in it."""

    model_config = ConfigDict(extra="forbid")
    word: Annotated[str, Field(min_length=2, max_length=12, pattern=rf"^{_PLAIN}[\u4e00-\u9fff]{_PLAIN}$")]


class GroupView(BaseModel):
    """A group that people of the repository made."""

    id: str
    expressions: list[str]


class Effect(BaseModel):
    """What a query finds without and with a group: how many, and the first titles."""

    before: int
    after: int
    titles_before: list[str]
    titles_after: list[str]


@dataclass(slots=True)
class _Known:
    """What this process knows of the lexicon of a database."""

    looked_at: float = 0.0
    state: tuple[int, ...] = ()
    synonyms: Synonyms = NONE  # until the first look, for which everybody waits
    looking: threading.Lock = field(default_factory=threading.Lock)


_known: WeakKeyDictionary[Database, _Known] = WeakKeyDictionary()


def current(ctx: Context, *, now: bool = False) -> Synonyms:
    """What means the same, as it stands; words that were added cut text from here on.

    Looks into the database once a second at most; while one thread does, the others go on with what was known.
    ``now``: look at once.
    """
    known = _known.get(ctx.db)
    if known is None:
        known = _known.setdefault(ctx.db, _Known())
    if not now and time.monotonic() - known.looked_at < FRESH_SECONDS:
        return known.synonyms
    if known.looking.acquire(blocking=now or not known.state):
        try:
            _look(ctx, known)
        finally:
            known.looking.release()
    return known.synonyms


def _look(ctx: Context, known: _Known) -> None:
    """The state is read first: on PostgreSQL the words may be newer, and are then read once more, never less new."""
    begun = time.monotonic()
    with ctx.db.read() as session:
        state = _state(session)
        if state != known.state:
            dictionary.set_words(_words(session))
            known.synonyms = Synonyms([*curated_groups(), *(row.expressions for row in _groups(session))])
            known.state = state
    known.looked_at = begun


def groups(ctx: Context, actor: Actor) -> list[GroupView]:
    """The groups that were made here, the newest first."""
    require_anywhere(actor, "search.curate")
    with ctx.db.read() as session:
        return [GroupView(id=row.id, expressions=row.expressions) for row in _groups(session)]


def groups_page(ctx: Context, actor: Actor, *, cursor: str | None, limit: int) -> Page[GroupView]:
    """The same, page by page."""
    require_anywhere(actor, "search.curate")
    query = select(SynonymGroup).order_by(SynonymGroup.id.desc()).limit(limit + 1)
    after = decode(cursor, str)
    if after is not None:
        query = query.where(SynonymGroup.id < after[0])
    with ctx.db.read() as session:
        shown, following = page_of(session.scalars(query).all(), limit, lambda row: (row.id,))
    return Page(items=[GroupView(id=row.id, expressions=row.expressions) for row in shown], next_cursor=following)


def words_page(ctx: Context, actor: Actor, *, cursor: str | None, limit: int) -> Page[str]:
    """The own words in order, page by page."""
    require_anywhere(actor, "search.curate")
    query = select(OwnWord.word).order_by(OwnWord.word).limit(limit + 1)
    after = decode(cursor, str)
    if after is not None:
        query = query.where(OwnWord.word > after[0])
    with ctx.db.read() as session:
        shown, following = page_of(session.scalars(query).all(), limit, lambda word: (word,))
    return Page(items=shown, next_cursor=following)


def words(ctx: Context, actor: Actor) -> list[str]:
    """The own words, in order."""
    require_anywhere(actor, "search.curate")
    with ctx.db.read() as session:
        return list(session.scalars(select(OwnWord.word).order_by(OwnWord.word)))


def effect(ctx: Context, actor: Actor, draft: GroupDraft, q: str) -> Effect:
    """What the query would find with this group, beside what it finds now. Raises SearchUnavailable."""
    require_anywhere(actor, "search.curate")
    current(ctx, now=True)
    with ctx.db.read() as session:
        held = [*curated_groups(), *(row.expressions for row in _groups(session))]
    answers = [
        ctx.index.search(Query(q, limit=SHOWN, facets=(), passages_per_hit=0, synonyms=some))
        for some in (Synonyms(held), Synonyms([*held, _distinct(draft)]))
    ]
    ids = [hit.id for answer in answers for hit in answer.hits]
    with ctx.db.read() as session:
        rows = select(Resource.id, Resource.title, Resource.state).where(Resource.id.in_(ids))
        titles = {row.id: row.title for row in session.execute(rows) if row.state == "published"}
    before, after = ([titles[hit.id] for hit in answer.hits if hit.id in titles] for answer in answers)
    return Effect(before=answers[0].total, after=answers[1].total, titles_before=before, titles_after=after)


def save_group(ctx: Context, actor: Actor, draft: GroupDraft) -> tuple[str, bool]:
    """Add a group; answer its id, and whether it is new: one of the same expressions stays as it is.

    Raises Invalid ``same_twice`` and Conflict ``lexicon_full``.
    """
    require_anywhere(actor, "search.curate")
    expressions = _distinct(draft)
    with ctx.db.write() as session:
        same = next((row for row in _groups(session) if _key(row.expressions) == _key(expressions)), None)
        if same is not None:
            return same.id, False
        if (session.scalar(select(func.count(SynonymGroup.id))) or 0) >= MAX_GROUPS:
            raise Conflict(code="lexicon_full", limit=MAX_GROUPS)
        now = ctx.clock()
        row = SynonymGroup(expressions=expressions, created_by=actor.person, created_at=now, updated_at=now)
        session.add(row)
        session.flush()
        raise_state(session)
        audit.record(session, ctx, actor.id, "synonyms.add", row.id, expressions=expressions)
    current(ctx, now=True)
    return row.id, True


def remove_group(ctx: Context, actor: Actor, group_id: str) -> None:
    """Forget a group; NotFound."""
    require_anywhere(actor, "search.curate")
    with ctx.db.write() as session:
        row = session.get(SynonymGroup, group_id)
        if row is None:
            raise NotFound()
        session.delete(row)
        raise_state(session)
        audit.record(session, ctx, actor.id, "synonyms.remove", group_id, expressions=row.expressions)
    current(ctx, now=True)


def as_word(draft: WordDraft) -> str:
    """A word as it is kept. Raises Invalid: a character may fold into a blank, or be none that anybody sees."""
    word = fold(draft.word)
    if not (_WORD.fullmatch(word) and word.isprintable()):
        raise Invalid(errors=(("word", "bad_value", ""),))
    return word


def add_word(ctx: Context, actor: Actor, draft: WordDraft) -> int:
    """Add an own word; answer how many resources are indexed anew because they hold it. Raises Conflict."""
    require_anywhere(actor, "search.curate")
    word = as_word(draft)
    holding = _holding(ctx, word)
    with ctx.db.write() as session:
        if session.get(OwnWord, word) is not None:
            raise Conflict(code="word_known")
        if (session.scalar(select(func.count(OwnWord.word))) or 0) >= MAX_WORDS:
            raise Conflict(code="lexicon_full", limit=MAX_WORDS)
        session.add(OwnWord(word=word, created_by=actor.person, created_at=ctx.clock()))
        session.flush()
        _changed(session, ctx, holding)
        audit.record(session, ctx, actor.id, "word.add", word, resources=len(holding))
    current(ctx, now=True)
    return len(holding)


def remove_word(ctx: Context, actor: Actor, word: str) -> int:
    """Forget an own word; answer how many resources are indexed anew. NotFound."""
    require_anywhere(actor, "search.curate")
    word = fold(word)
    holding = _holding(ctx, word)
    with ctx.db.write() as session:
        row = session.get(OwnWord, word)
        if row is None:
            raise NotFound()
        session.delete(row)
        session.flush()
        _changed(session, ctx, holding)
        audit.record(session, ctx, actor.id, "word.remove", word, resources=len(holding))
    current(ctx, now=True)
    return len(holding)


def group(ctx: Context, actor: Actor, group_id: str) -> GroupView:
    """One group; NotFound."""
    require_anywhere(actor, "search.curate")
    with ctx.db.read() as session:
        row = session.get(SynonymGroup, group_id)
        if row is None:
            raise NotFound()
        return GroupView(id=row.id, expressions=row.expressions)


def _key(expressions: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(one).strip() for one in expressions)


def _distinct(draft: GroupDraft) -> list[str]:
    expressions = list({fold(one).strip(): one.strip() for one in draft.expressions}.values())
    if len(expressions) < 2:
        raise Invalid(errors=(("expressions", "same_twice", ""),))
    return expressions


def as_group(line: str) -> list[str]:
    """The expressions of a line as people write it: 慕课 = MOOC, or with commas."""
    for mark in ("＝", "，", ",", "、", "；", ";"):
        line = line.replace(mark, SEPARATOR)
    return [part.strip() for part in line.split(SEPARATOR) if part.strip()]


def _groups(session: Session) -> Sequence[SynonymGroup]:
    return session.scalars(select(SynonymGroup).order_by(SynonymGroup.id.desc())).all()


def _words(session: Session) -> Iterable[str]:
    """Own words, and short names of subjects and institutions."""
    yield from session.scalars(select(OwnWord.word))
    for column in (Subject.label_zh, Institution.name):
        yield from session.scalars(select(column).where(func.length(column).between(2, LONGEST_NAME)))


def _state(session: Session) -> tuple[int, ...]:
    """Numbers that change with the lexicon."""
    held = session.get(Counter, COUNTER)
    counts = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Subject, Institution)]
    return (held.value if held else 0, *counts)


def raise_state(session: Session) -> None:
    """Say, inside the caller's transaction, that the lexicon changed: every process looks at it again."""
    counters.rise(session, COUNTER)


def _holding(ctx: Context, word: str) -> list[str]:
    """Resources that hold the word, as text is cut now."""
    current(ctx, now=True)
    found: list[str] = []
    asked = f"“{word}”"
    try:
        for offset in range(0, AFFECTED, _PAGE):
            query = Query(asked, limit=_PAGE, offset=offset, facets=(), passages_per_hit=0, exact=True)
            hits = ctx.index.search(query).hits
            found += [hit.id for hit in hits]
            if len(hits) < _PAGE:
                break
    except SearchUnavailable:
        return []  # whatever is indexed later knows the word
    return found


def _changed(session: Session, ctx: Context, holding: Sequence[str]) -> None:
    """Raise the state, and have these resources indexed anew.

    The database itself counts up: a number that was read before others raised it would turn the revision back, and the
    index would take the next changes for old ones.
    """
    raise_state(session)
    some = select(Resource.id).where(Resource.id.in_(holding), Resource.state == "published")
    # in order, so that nobody waits in a ring
    locked = list(session.scalars(some.order_by(Resource.id).with_for_update()))
    raised = update(Resource).where(Resource.id.in_(locked)).values(rev=Resource.rev + 1)
    for identity, rev in session.execute(raised.returning(Resource.id, Resource.rev)).all():
        outbox.add(session, ctx, outbox.INDEX, identity, rev)
