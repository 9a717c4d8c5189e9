"""A hit of the engine → what people see of it: marked words, reasons, and the places that match."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Connection, bindparam, case, func, select

from repo_service.models import Institution, Passage, Resource
from repo_service.policy import Actor, can
from repo_service.services import records
from repo_service.services.documents import passage_of
from search import passages as search_passages
from search.highlight import LOOKED_AT, marked, markup, snippet
from search.model import Answer, Hit
from search.model import Passage as SearchPassage

SNIPPET = 140  # characters
Place = tuple[str, str, int]  # file, step, ordinal of a passage
Columns = Any  # a row of one of the statements below, by the names of its columns

_TEXT = func.substr(Resource.text, 1, LOOKED_AT + SNIPPET + 1)  # as far as it is looked at: it may be a book
# Asked by id alone: for "published" SQLite would read the index of all that are.
_CARDS = (
    select(
        *(Resource.id, Resource.external_id, Resource.state, Resource.served_version, Resource.title),
        *(Resource.description, Resource.media_kind, Resource.language, Resource.licence, Resource.kinds),
        *(Resource.subjects, Resource.level, Resource.year, Resource.duration, Resource.pages),
        *(Resource.has_captions, Resource.published_at, records.PICTURE.label("picture")),
        case((Resource.description == "", _TEXT), else_="").label("text"),
        Institution.slug.label("institution"),
        Institution.name.label("institution_name"),
        Institution.kind.label("institution_kind"),
    )
    .join_from(Resource, Institution)
    .where(Resource.id.in_(bindparam("ids", expanding=True)))
)
_TEXTS = select(Resource.id, _TEXT).where(Resource.id.in_(bindparam("ids", expanding=True)))
_PLACES = select(
    *(Passage.id, Passage.resource_id, Passage.version, Passage.file_id, Passage.step, Passage.ordinal),
    *(Passage.kind, Passage.text, Passage.notes, Passage.start, Passage.end, Passage.page, Passage.heading),
)
_FIRSTS = _PLACES.where(Passage.id.in_(bindparam("ids", expanding=True)))
_FOLLOWING = _PLACES.where(
    Passage.file_id.in_(bindparam("files", expanding=True)),
    Passage.step.in_(bindparam("steps", expanding=True)),
    Passage.ordinal.in_(bindparam("ordinals", expanding=True)),
)


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


def hits_of(connection: Connection, actor: Actor, answer: Answer, pinned: Sequence[str] = ()) -> list[HitView]:
    """The hits that ``actor`` may see, in the engine's order, whatever the index holds."""
    if not answer.hits or not can(actor, "resource.read", public=True):
        return []
    rows = connection.execute(_CARDS, {"ids": [hit.id for hit in answer.hits]}).all()
    visible = {row.id: row for row in rows if row.state == "published"}
    shown = [hit for hit in answer.hits if hit.id in visible]
    places = _passages(connection, shown, visible)
    snippets = _snippets(connection, visible.values(), answer.terms)
    return [
        _hit(
            visible[hit.id],
            hit,
            answer.terms,
            snippets[hit.id],
            [places[found.id] for found in hit.passages if found.id in places],
            pinned=hit.id in pinned,
        )
        for hit in shown
    ]


def _hit(
    row: Columns,
    hit: Hit,
    terms: Sequence[str],
    shown: str,
    places: Sequence[SearchPassage],
    *,
    pinned: bool,
) -> HitView:
    return HitView(
        id=row.id,
        external_id=row.external_id,
        title=row.title,
        highlighted=marked(row.title, terms),
        snippet=shown,
        why=list(hit.why),
        score=round(hit.score, 4),
        media_kind=row.media_kind,
        institution=row.institution,
        institution_name=row.institution_name,
        institution_kind=row.institution_kind,
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
        thumbnail_url=records.address_of(row.id, row.served_version, row.picture) if row.picture else None,
        url=f"/resources/{row.id}",
        passages=[_passage(row.id, place, terms) for place in places],
        passages_total=hit.passages_total,
        pinned=pinned,
    )


def _snippets(connection: Connection, rows: Iterable[Columns], terms: Sequence[str]) -> dict[str, str]:
    """By resource, the telling part of its description, or of its text when only that holds the words.

    Texts are read where they are needed.
    """
    found: dict[str, str] = {}
    others: dict[str, str] = {}
    for row in rows:
        pieces = snippet(row.description or row.text, terms, SNIPPET)
        if row.description and not _telling(pieces):
            others[row.id] = row.description
        else:
            found[row.id] = markup(pieces)
    texts = connection.execute(_TEXTS, {"ids": list(others)}) if others else ()
    for identity, text in texts:
        pieces = snippet(text, terms, SNIPPET)
        found[identity] = markup(pieces if _telling(pieces) else snippet(others[identity], (), SNIPPET))
    return found


def _telling(pieces: Iterable[tuple[str, bool]]) -> bool:
    return any(hit for _, hit in pieces)


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


def _passages(connection: Connection, hits: Iterable[Hit], visible: Mapping[str, Columns]) -> dict[str, SearchPassage]:
    """The passages of these hits by their id in the index; those of a version that is no longer served are gone."""
    wanted = {place.id: search_passages.first_and_more(place.id) for hit in hits for place in hit.passages}
    if not wanted:
        return {}
    rows = connection.execute(_FIRSTS, {"ids": [first for first, _ in wanted.values()]})
    served = {identity: row.served_version for identity, row in visible.items()}
    firsts = {row.id: row for row in rows if row.version == served.get(row.resource_id)}
    following = [
        (row.file_id, row.step, ordinal)
        for first, more in wanted.values()
        if more and (row := firsts.get(first))
        for ordinal in range(row.ordinal + 1, row.ordinal + 1 + more)
    ]
    others = _by_place(connection, following)
    found: dict[str, SearchPassage] = {}
    for identity, (first, more) in wanted.items():
        row = firsts.get(first)
        if row is None:
            continue
        keys = ((row.file_id, row.step, row.ordinal + 1 + n) for n in range(more))
        cues = [row, *(others[key] for key in keys if key in others)]
        found[identity] = search_passages.join([passage_of(cue) for cue in cues])
    return found


def _by_place(connection: Connection, places: Sequence[Place]) -> dict[Place, Columns]:
    if not places:
        return {}
    files, steps, ordinals = (sorted(set(part)) for part in zip(*places, strict=True))
    rows = connection.execute(_FOLLOWING, {"files": files, "steps": steps, "ordinals": ordinals})
    return {(row.file_id, row.step, row.ordinal): row for row in rows}
