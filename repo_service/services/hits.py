"""A hit of the engine → what people see of it: marked words, reasons, and the places that match."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from repo_service.models import Passage, Resource
from repo_service.policy import Actor, can
from repo_service.services import records
from repo_service.services.documents import passage_of
from search import passages as search_passages
from search.highlight import marked, markup, snippet
from search.model import Answer, Hit
from search.model import Passage as SearchPassage

SNIPPET = 140  # characters


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
    pinned: bool = Field(False, description="Put first for these words by a librarian")


def hits_of(session: Session, actor: Actor, answer: Answer, pinned: Sequence[str] = ()) -> list[HitView]:
    """The hits that ``actor`` may see, in the engine's order, whatever the index holds."""
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
            pinned=hit.id in pinned,
        )
        for hit in shown
    ]


def _hit(
    row: Resource,
    hit: Hit,
    terms: Sequence[str],
    picture: str | None,
    places: Sequence[SearchPassage],
    *,
    pinned: bool,
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
        pinned=pinned,
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
