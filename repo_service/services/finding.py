"""Searching the catalogue: the engine's answer, re-checked in the database and put into words and links."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from pydantic import BaseModel, Field
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from repo_service.context import Context
from repo_service.errors import Invalid
from repo_service.models import Institution, Passage, Resource
from repo_service.policy import Actor, can
from repo_service.services import paging, records
from repo_service.services.documents import passage_of
from repo_service.services.labels import Locale, labels
from search import passages as search_passages
from search.errors import SearchUnavailable
from search.highlight import marked, markup, snippet
from search.model import FACETS, Answer, Hit, Query, Sort
from search.model import Passage as SearchPassage

MAX_DEPTH = 10_000
SNIPPET = 140  # characters
PASSAGES = 3
_LIKE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What somebody asks for. ``cursor`` wins over ``offset``; ``within`` asks for passages of one resource."""

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


class FoundPassage(BaseModel):
    """A place inside a resource that matched, with the address that opens it there."""

    kind: str
    start: float | None = Field(None, description="Seconds")
    end: float | None = None
    page: int | None = Field(None, description="Page or slide, from 1")
    heading: str = ""
    text: str
    highlighted: str = Field(description="HTML: escaped, the words in <mark>")
    url: str


class HitView(BaseModel):
    """One resource that matched."""

    id: str
    external_id: str | None
    title: str
    highlighted: str = Field(description="The title as HTML: escaped, the words in <mark>")
    snippet: str = Field(description="HTML: escaped, the words in <mark>")
    why: list[str] = Field(description="Fields that hold the words")
    score: float
    media_kind: str
    institution: str = Field(description="Slug")
    institution_name: str
    institution_kind: str
    language: str
    licence: str
    kinds: list[str]
    subjects: list[str]
    level: str
    year: int | None
    duration: float | None = Field(description="Seconds")
    pages: int | None
    has_captions: bool
    published_at: str | None
    thumbnail_url: str | None
    url: str
    passages: list[FoundPassage]
    passages_total: int


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
    degraded: bool = False
    notices: list[str] = []
    took_ms: float
    generation: str = ""
    next_cursor: str | None = None


class SuggestionView(BaseModel):
    """A completion of what was typed, with the address that it leads to."""

    text: str
    kind: str
    url: str


def search(ctx: Context, actor: Actor, request: SearchRequest) -> SearchPage:
    """Answer a search. Only what ``actor`` may see comes out, whatever the index holds.

    Raises Invalid ``too_deep`` beyond 10,000 hits and ``stale_cursor`` for a cursor of an index that was replaced.
    """
    started = time.perf_counter()
    generation, offset = _place(request)
    if offset + request.limit > MAX_DEPTH:
        raise Invalid("narrow the search with filters instead of paging on", code="too_deep", depth=MAX_DEPTH)
    query = _query(request, offset)
    try:
        answer = ctx.index.search(query)
        degraded = "index_incomplete" in answer.notices
    except SearchUnavailable:
        answer, degraded = _by_title(ctx, query), True
    if generation and answer.generation != generation:
        raise Invalid("the index was renewed; start again at the first page", code="stale_cursor")
    with ctx.db.read() as session:
        hits = _hits(session, actor, answer)
        facets = {name: _facet(session, name, answer, request) for name in answer.facets}
    following = offset + len(answer.hits)
    more = bool(answer.hits) and following < min(answer.total, MAX_DEPTH) and not request.within
    return SearchPage(
        total=answer.total,
        hits=hits,
        facets=facets,
        corrected_query=answer.corrected or None,
        degraded=degraded,
        notices=list(answer.notices),
        took_ms=round((time.perf_counter() - started) * 1000, 2),
        generation=answer.generation,
        next_cursor=paging.encode(answer.generation, following) if more else None,
    )


def suggest(ctx: Context, q: str, limit: int = 10) -> list[SuggestionView]:
    """Complete what was typed; titles that are no longer public are left out."""
    try:
        found = ctx.index.suggest(q, limit * 2)
    except SearchUnavailable:
        return []
    with ctx.db.read() as session:
        ids = [one.id for one in found if one.kind == "title"]
        public = set(session.scalars(select(Resource.id).where(Resource.id.in_(ids), Resource.state == "published")))
        slugs = _slugs(session, [one.text for one in found if one.kind == "institution"])
    views = []
    for one in found:
        if one.kind == "title" and one.id not in public:
            continue
        address = f"/resources/{one.id}" if one.kind == "title" else f"/search?{urlencode({'q': one.text})}"
        if one.text in slugs and one.kind == "institution":
            address = f"/institutions/{slugs[one.text]}"
        views.append(SuggestionView(text=one.text, kind=one.kind, url=address))
    return views[:limit]


def _slugs(session: Session, names: Sequence[str]) -> dict[str, str]:
    """Institutions by either of their names."""
    either = or_(Institution.name.in_(names), Institution.name_en.in_(names))
    rows = session.execute(select(Institution.name, Institution.name_en, Institution.slug).where(either))
    return {name: row.slug for row in rows for name in (row.name, row.name_en) if name}


def _place(request: SearchRequest) -> tuple[str, int]:
    """(generation, offset) where the page begins."""
    key = paging.decode(request.cursor, str, int)
    if key is None:
        return "", max(0, request.offset)
    return str(key[0]), max(0, int(key[1]))


def _query(request: SearchRequest, offset: int) -> Query:
    filters = {name: tuple(values) for name, values in request.filters.items() if name in FACETS and values}
    return Query(
        text=request.q,
        filters=filters,
        sort=request.sort,
        offset=offset,
        limit=request.limit,
        facets=request.facets,
        passages_per_hit=request.passages,
        within=request.within,
    )


def _by_title(ctx: Context, query: Query) -> Answer:
    """What the database alone can say while the engine is away: titles that hold the words as typed."""
    if query.within:
        return Answer()
    words = query.text[:_LIKE_LENGTH].split()
    with ctx.db.read() as session:
        matching = select(Resource.id, Resource.rev).where(
            Resource.state == "published", *(Resource.title.icontains(word, autoescape=True) for word in words)
        )
        total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
        newest = matching.order_by(Resource.published_at.desc(), Resource.id).offset(query.offset).limit(query.limit)
        hits = tuple(Hit(identity, rev, 0.0, ("title",)) for identity, rev in session.execute(newest).all())
    return Answer(total=total, hits=hits, terms=tuple(words))


def _hits(session: Session, actor: Actor, answer: Answer) -> list[HitView]:
    rows = session.scalars(
        select(Resource)
        .where(Resource.id.in_([hit.id for hit in answer.hits]), Resource.state == "published")
        .options(joinedload(Resource.institution))
    )
    visible = {row.id: row for row in rows if can(actor, "resource.read", public=True)}
    shown = [hit for hit in answer.hits if hit.id in visible]
    pictures = records.thumbnails(session, [visible[hit.id] for hit in shown])
    places = _passages(session, shown, visible)
    return [
        _hit(
            visible[hit.id],
            hit,
            answer.terms,
            pictures.get(hit.id),
            [places[found.id] for found in hit.passages if found.id in places],
        )
        for hit in shown
    ]


def _hit(
    row: Resource, hit: Hit, terms: Sequence[str], picture: str | None, places: Sequence[SearchPassage]
) -> HitView:
    return HitView(
        id=row.id,
        external_id=row.external_id,
        title=row.title,
        highlighted=marked(row.title, terms),
        snippet=_snippet(row, terms),
        why=list(hit.why),
        score=round(hit.score, 4),
        media_kind=row.media_kind,
        institution=row.institution.slug,
        institution_name=row.institution.name,
        institution_kind=row.institution.kind,
        language=row.language,
        licence=row.licence,
        kinds=row.kinds,
        subjects=row.subjects,
        level=row.level,
        year=row.year,
        duration=row.duration,
        pages=row.pages,
        has_captions=row.has_captions,
        published_at=row.published_at.isoformat() if row.published_at else None,
        thumbnail_url=picture,
        url=f"/resources/{row.id}",
        passages=[_passage(row.id, place, terms) for place in places],
        passages_total=hit.passages_total,
    )


def _snippet(row: Resource, terms: Sequence[str]) -> str:
    """The telling part of the description, or of the text when only that holds the words."""
    for text in (row.description, row.text):
        pieces = snippet(text, terms, SNIPPET)
        if any(hit for _, hit in pieces):
            return markup(pieces)
    return markup(snippet(row.description or row.text, (), SNIPPET))


def _passage(resource_id: str, place: SearchPassage, terms: Sequence[str]) -> FoundPassage:
    pieces = snippet(place.text, terms, SNIPPET)
    address = f"/resources/{resource_id}"
    if place.page is not None:
        address += f"?page={place.page}"
    elif place.start is not None:
        address += f"?t={place.start:g}"
    return FoundPassage(
        kind=place.kind,
        start=place.start,
        end=place.end,
        page=place.page,
        heading=place.heading,
        text="".join(piece for piece, _ in pieces),
        highlighted=markup(pieces),
        url=address,
    )


def _passages(session: Session, hits: Iterable[Hit], visible: Mapping[str, Resource]) -> dict[str, SearchPassage]:
    """The passages of these hits by their id in the index; those of a version that is no longer served are gone."""
    wanted = {place.id: search_passages.first_and_more(place.id) for hit in hits for place in hit.passages}
    firsts = _rows(session, [first for first, _ in wanted.values()], visible)
    following = [
        (row.file_id, row.step, ordinal)
        for first, more in wanted.values()
        if more and (row := firsts.get(first))
        for ordinal in range(row.ordinal + 1, row.ordinal + 1 + more)
    ]
    others = _by_place(session, following)
    found: dict[str, SearchPassage] = {}
    for identity, (first, more) in wanted.items():
        row = firsts.get(first)
        if row is None:
            continue
        keys = ((row.file_id, row.step, row.ordinal + 1 + n) for n in range(more))
        cues = [row, *(others[key] for key in keys if key in others)]
        found[identity] = search_passages.join([passage_of(cue) for cue in cues])
    return found


def _rows(session: Session, ids: Sequence[str], visible: Mapping[str, Resource]) -> dict[str, Passage]:
    rows = session.scalars(select(Passage).where(Passage.id.in_(ids)))
    served = {identity: row.served_version for identity, row in visible.items()}
    return {row.id: row for row in rows if row.version == served.get(row.resource_id)}


def _by_place(session: Session, places: Sequence[tuple[str, str, int]]) -> dict[tuple[str, str, int], Passage]:
    if not places:
        return {}
    files = {file for file, _, _ in places}
    ordinals = {ordinal for _, _, ordinal in places}
    rows = session.scalars(select(Passage).where(Passage.file_id.in_(files), Passage.ordinal.in_(ordinals)))
    return {(row.file_id, row.step, row.ordinal): row for row in rows}


def _facet(session: Session, name: str, answer: Answer, request: SearchRequest) -> list[FacetValue]:
    """Values with their names; chosen ones are always there, so that they can be taken back."""
    counts = dict(answer.facets[name])
    chosen = tuple(request.filters.get(name, ()))
    values = [*counts, *(value for value in chosen if value not in counts)]
    named = labels(session, name, values, request.locale)
    return [
        FacetValue(value=value, label=named[value], count=counts.get(value, 0), selected=value in chosen)
        for value in values
    ]
