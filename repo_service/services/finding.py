"""Searching the catalogue: the engine's answer, re-checked in the database and put into words and links."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import Invalid
from repo_service.models import Institution, Subject
from repo_service.policy import Actor
from repo_service.services import lexicon, paging, pins, popular
from repo_service.services.hints import Hint, hints
from repo_service.services.hits import HitView, hits_of
from repo_service.services.labels import Locale, labels_of
from repo_service.services.named import named
from repo_service.services.titles import by_title
from repo_service.services.typed import TypedFilter, joined
from repo_service.services.typed import read as read_typed
from search.errors import SearchUnavailable
from search.fold import fold
from search.model import FACETS, Answer, Query, Sort, Suggestion
from search.query import CUT, MAX_CHARACTERS, understand
from search.suggest import mixed
from search.synonyms import Synonyms

MAX_DEPTH = 10_000
PASSAGES = 3
NO_WORDS = "no_words"  # notice: what was typed holds no word, so that everything is shown
_ONE_WORD = re.compile(r"[^\s:：\"“”]+")  # what may stand behind a colon
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
SuggestionKind = Literal["title", "subject", "institution", "person", "collection", "query"]  # courses come later


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What somebody asks for. ``cursor`` wins over ``offset``; ``within`` asks for passages of one resource.

    ``exact``: the words as they were typed, nothing is respelled.
    """

    q: str = ""
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sort: Sort = "relevance"
    limit: int = 20
    cursor: str | None = None
    offset: int = 0
    locale: Locale = "zh"
    facets: tuple[str, ...] = FACETS
    passages: int = PASSAGES
    within: str = ""
    exact: bool = False

    def __post_init__(self) -> None:
        """Control characters are no part of any word or value, and PostgreSQL takes no text with a NUL."""
        object.__setattr__(self, "q", CONTROL.sub(" ", self.q))
        marked = {name: tuple(CONTROL.sub("\ufffd", one) for one in some) for name, some in self.filters.items()}
        object.__setattr__(self, "filters", marked)


class FacetValue(BaseModel):
    """One value of a facet, with its name in the asked language."""

    value: str
    label: str
    count: int
    selected: bool


class SearchPage(BaseModel):
    """A page of hits with the exact total."""

    total: int
    hits: list[HitView]
    facets: dict[str, list[FacetValue]]
    corrected_query: str | None = None
    typed_filters: list[TypedFilter] = Field([], description="Filters that stand in the query: `类型:视频`")
    hints: list[Hint] = Field([], description="When nothing was found: nearby searches that do find something")
    degraded: bool = False
    notices: list[str] = []
    took_ms: float
    generation: str = ""
    next_cursor: str | None = None


class SuggestionView(BaseModel):
    """A completion of what was typed, with the address that it leads to."""

    text: str
    kind: SuggestionKind
    url: str


def search(ctx: Context, actor: Actor, request: SearchRequest) -> SearchPage:
    """Answer a search. Only what ``actor`` may see comes out, whatever the index holds.

    Raises Invalid ``too_deep`` beyond 10,000 hits and ``stale_cursor`` for a cursor of an index that was replaced.
    """
    started = time.perf_counter()
    generation, offset = _place(request)
    if offset >= MAX_DEPTH:
        raise Invalid("narrow the search with filters instead of paging on", code="too_deep", depth=MAX_DEPTH)
    words, typed = read_typed(ctx.db, request.q)
    chosen = joined(request.filters, typed)
    arranged = pins.arranged(ctx, words)
    query = _query(request, words, chosen, offset, arranged, lexicon.current(ctx))
    try:
        answer, pinned = _arranged(ctx, query)
        degraded = "index_incomplete" in answer.notices
    except SearchUnavailable:
        answer, pinned, degraded = by_title(ctx, query), query.pinned, True
    if generation and not degraded and answer.generation != generation:
        raise Invalid("the index was renewed; start again at the first page", code="stale_cursor")
    with ctx.db.look() as connection:
        hits = hits_of(connection, actor, answer, pinned)
    following = offset + len(answer.hits)
    more = bool(answer.hits) and following < min(answer.total, MAX_DEPTH) and not request.within
    vain = not (answer.total or degraded or request.within) and bool(request.q or chosen)
    return SearchPage(
        total=answer.total,
        hits=hits,
        facets=_facets(ctx, answer, chosen, request.locale),
        corrected_query=answer.corrected or None,
        typed_filters=typed,
        hints=hints(ctx, query, request.locale) if vain else [],
        degraded=degraded,
        notices=_notices(request, answer),
        took_ms=round((time.perf_counter() - started) * 1000, 2),
        generation=answer.generation,
        next_cursor=paging.encode(answer.generation, following) if more else None,
    )


def _arranged(ctx: Context, query: Query) -> tuple[Answer, tuple[str, ...]]:
    """The engine's answer, and what was put first: pins and hides hold for what was meant too, not only as typed."""
    answer = ctx.index.search(query)
    if not answer.corrected or query.within or query.pinned or query.hidden:
        return answer, query.pinned
    meant = pins.arranged(ctx, answer.corrected)
    if not (meant.pinned or meant.hidden):
        return answer, ()
    return ctx.index.search(replace(query, pinned=meant.pinned, hidden=meant.hidden)), meant.pinned


def _notices(request: SearchRequest, answer: Answer) -> list[str]:
    """What the engine noticed; a query that was cut before it came there was cut all the same."""
    cut = (CUT,) if len(request.q) > MAX_CHARACTERS else ()
    none = (NO_WORDS,) if not answer.terms and _holds_nothing(request.q) else ()
    return list(dict.fromkeys((*cut, *none, *answer.notices)))


def _holds_nothing(q: str) -> bool:
    """Whether something was typed, and no word, phrase or filter is in it."""
    plan = understand(q)
    return bool(q.strip()) and plan.empty and not (plan.phrases or plan.filters)


def suggest(ctx: Context, q: str, limit: int = 10) -> list[SuggestionView]:
    """Complete what was typed, each kind with its share; what is no longer public is left out."""
    before, after = popular.offers(ctx, q)
    views = [
        *(SuggestionView(text=one.text, kind=one.kind, url=one.url) for one in before),
        *_named(ctx, q, limit * 2),
        *(SuggestionView(text=one.text, kind=one.kind, url=one.url) for one in after),
    ]
    told = {fold(one.text) for one in views if one.kind != "query"}  # a query with the name of a thing: the thing
    return mixed([one for one in views if one.kind != "query" or one.text not in told], limit, lambda one: one.kind)


def _named(ctx: Context, q: str, most: int) -> list[SuggestionView]:
    """What the index knows by name."""
    try:
        found = named(ctx, q, most)
    except SearchUnavailable:
        return []
    with ctx.db.read() as session:
        slugs = _slugs(session, [one.text for one in found if one.kind == "institution"])
        codes = _codes(session, [one.text for one in found if one.kind == "subject"])
    return [SuggestionView(text=one.text, kind=one.kind, url=_address(one, slugs, codes)) for one in found]


def _address(one: Suggestion, slugs: Mapping[str, str], codes: Mapping[str, str]) -> str:
    """Where a name leads: to the thing itself, what a subject holds, what a person made; else to its words."""
    if one.kind == "title":
        return f"/resources/{one.id}"
    if one.kind == "institution" and one.text in slugs:
        return f"/institutions/{slugs[one.text]}"
    if one.kind == "subject" and one.text in codes:
        return f"/search?{urlencode({'subject': codes[one.text]})}"
    if one.kind == "person" and _ONE_WORD.fullmatch(one.text):
        return f"/search?{urlencode({'q': f'作者:{one.text}'})}"
    return f"/search?{urlencode({'q': one.text})}"


def _codes(session: Session, labels: Sequence[str]) -> dict[str, str]:
    """Subjects by either of their names, where no other one is called so."""
    if not labels:
        return {}
    either = or_(Subject.label_zh.in_(labels), Subject.label_en.in_(labels))
    rows = session.execute(select(Subject.code, Subject.label_zh, Subject.label_en).where(either)).all()
    called = Counter(name for row in rows for name in {row.label_zh, row.label_en})
    return {name: row.code for row in rows for name in (row.label_zh, row.label_en) if called[name] == 1}


def _slugs(session: Session, names: Sequence[str]) -> dict[str, str]:
    """Institutions by either of their names."""
    either = or_(Institution.name.in_(names), Institution.name_en.in_(names))
    rows = session.execute(select(Institution.name, Institution.name_en, Institution.slug).where(either))
    return {name: row.slug for row in rows for name in (row.name, row.name_en) if name}


def offset_of(request: SearchRequest) -> int:
    """How many hits stand before the first one that is asked for."""
    return _place(request)[1]


def _place(request: SearchRequest) -> tuple[str, int]:
    """(generation, offset) where the page begins."""
    key = paging.decode(request.cursor, str, int)
    if key is None:
        return "", max(0, request.offset)
    return str(key[0]), max(0, int(key[1]))


def _query(
    request: SearchRequest,
    words: str,
    chosen: Mapping[str, tuple[str, ...]],
    offset: int,
    arranged: pins.Arranged,
    synonyms: Synonyms,
) -> Query:
    return Query(
        text=words,
        filters={name: values for name, values in chosen.items() if name in FACETS and values},
        sort=request.sort,
        offset=offset,
        limit=min(request.limit, MAX_DEPTH - offset),
        facets=request.facets,
        passages_per_hit=request.passages,
        within=request.within,
        exact=request.exact,
        pinned=arranged.pinned,
        hidden=arranged.hidden,
        synonyms=synonyms,
    )


def _facets(
    ctx: Context, answer: Answer, chosen: Mapping[str, Sequence[str]], locale: Locale
) -> dict[str, list[FacetValue]]:
    """Values with their names; chosen ones are always there, so that they can be taken back."""
    counts = {name: dict(values) for name, values in answer.facets.items()}
    shown = {name: list(dict.fromkeys((*counts[name], *chosen.get(name, ())))) for name in counts}
    named = labels_of(ctx.db, shown, locale)
    return {
        name: [
            FacetValue(
                value=value,
                label=named[name][value],
                count=counts[name].get(value, 0),
                selected=value in chosen.get(name, ()),
            )
            for value in values
        ]
        for name, values in shown.items()
    }
