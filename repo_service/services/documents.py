"""A row of the catalogue → the document that the index holds: the one mapper, live and at a rebuild."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, cast

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from repo_service.models import Division, Institution, Passage, Resource, Subject
from repo_service.services.labels import duration_class
from repo_service.vocab import DOWNLOADABLE
from search import passages as search_passages
from search.model import Document, Tombstone
from search.model import Passage as SearchPassage

_DEPTH = 12  # no tree of divisions or subjects is deeper; a circle in the data ends here


# Plain rows of these have the names of the objects, and cost a fraction of them.
_RESOURCE = (
    *(Resource.id, Resource.rev, Resource.state, Resource.served_version, Resource.institution_id, Resource.title),
    *(Resource.description, Resource.keywords, Resource.creators, Resource.subjects, Resource.text, Resource.kinds),
    *(Resource.degree, Resource.vocational, Resource.level, Resource.media_kind, Resource.language, Resource.licence),
    *(Resource.duration, Resource.pages, Resource.year, Resource.has_captions, Resource.published_at, Resource.opens),
)
_PASSAGE = (
    *(Passage.resource_id, Passage.version, Passage.id, Passage.kind, Passage.text, Passage.notes, Passage.start),
    *(Passage.end, Passage.page, Passage.heading, Passage.file_id),
)


class _Giver(NamedTuple):
    """What documents say of an institution; ``divisions``: its own and all above it."""

    slug: str
    kind: str
    names: str
    divisions: tuple[str, ...]


class Mapper:
    """Maps resources of one session; it remembers institutions and trees, so that a batch reads them once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._giver = cache(self._load_giver)
        self._subject = cache(self._load_subject)
        self._prepared: dict[str, list[Passage]] = {}

    def load(self, ids: Sequence[str]) -> dict[str, Resource]:
        """These resources with all that their documents are made of; those that are gone are left out."""
        return {row.id: row for row in self._rows(select(*_RESOURCE).where(Resource.id.in_(ids)))}

    def published(self, after: str, most: int) -> Sequence[Resource]:
        """The published resources that follow an id, in order of their ids."""
        wanted = select(*_RESOURCE).where(Resource.id > after, Resource.state == "published")
        return self._rows(wanted.order_by(Resource.id).limit(most))

    def _rows(self, wanted: "Select[*tuple[object, ...]]") -> Sequence[Resource]:
        found = cast(Sequence[Resource], self._session.execute(wanted).all())
        self._prepare(found)
        return found

    def _prepare(self, resources: Sequence[Resource]) -> None:
        """Read the passages of these resources at once; those of the ones before are let go."""
        served = {row.id: row.served_version for row in resources if row.state == "published"}
        prepared: defaultdict[str, list[Passage]] = defaultdict(list)
        wanted = select(*_PASSAGE).where(Passage.resource_id.in_(served))
        rows = self._session.execute(wanted.order_by(Passage.file_id, Passage.step, Passage.ordinal))
        for row in cast(Sequence[Passage], rows.all()):
            if row.version == served[row.resource_id]:
                prepared[row.resource_id].append(row)
        self._prepared = {identity: prepared[identity] for identity in served}

    def change(self, resource: Resource) -> Document | Tombstone:
        """The document of a published resource, a tombstone of any other."""
        if resource.state != "published":
            return Tombstone(resource.id, resource.rev)
        giver = self._giver(resource.institution_id)
        return Document(
            id=resource.id,
            rev=resource.rev,
            title=resource.title,
            description=resource.description,
            keywords=tuple(resource.keywords),
            people=tuple(resource.creators),
            institution=giver.names,
            subjects=tuple(self._labels(resource)),
            text=resource.text,
            facets=self._facets(resource, giver),
            passages=self._passages(resource),
            published_at=resource.published_at.timestamp() if resource.published_at else 0.0,
            duration=resource.duration or 0.0,
            pages=resource.pages or 0,
            opens=resource.opens,
            quality=_completeness(resource),
        )

    def _facets(self, resource: Resource, giver: _Giver) -> dict[str, tuple[str, ...]]:
        return {
            "institution": (giver.slug,),
            "institution_kind": (giver.kind,),
            "division": giver.divisions,
            "kind": tuple(resource.kinds),
            "degree": (_yes(resource.degree),),
            "vocational": (_yes(resource.vocational),),
            "subject": tuple(dict.fromkeys(code for own in resource.subjects for code, _ in self._subject(own))),
            "level": _some(resource.level),
            "media_kind": _some(resource.media_kind),
            "language": _some(resource.language),
            "licence": _some(resource.licence),
            "duration": duration_class(resource.duration),
            "year": _some(str(resource.year or "")),
            "captions": (_yes(resource.has_captions),),
            "downloadable": (_yes(resource.licence in DOWNLOADABLE),),
        }

    def _labels(self, resource: Resource) -> list[str]:
        """Names of the subjects and of those above them, in both languages."""
        found = (labels for own in resource.subjects for _, labels in self._subject(own))
        return list(dict.fromkeys(label for labels in found for label in labels if label))

    def _load_giver(self, identity: str) -> _Giver:
        row = self._session.get_one(Institution, identity)
        names = f"{row.name}\n{row.name_en}".strip()
        return _Giver(row.slug, row.kind, names, self._load_division(row.division_code))

    def _load_division(self, code: str) -> tuple[str, ...]:
        """The division and all above it."""
        found: list[str] = []
        next_code: str | None = code
        while next_code and len(found) < _DEPTH and next_code not in found:
            row = self._session.get(Division, next_code)
            found.append(next_code)
            next_code = row.parent_code if row else None
        return tuple(found)

    def _load_subject(self, code: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(code, labels) of the subject and of all above it."""
        found: dict[str, tuple[str, ...]] = {}
        next_code: str | None = code
        while next_code and len(found) < _DEPTH and next_code not in found:
            row = self._session.get(Subject, next_code)
            found[next_code] = (row.label_zh, row.label_en) if row else ()
            next_code = row.parent_code if row else None
        return tuple(found.items())

    def _passages(self, resource: Resource) -> tuple[SearchPassage, ...]:
        if resource.id not in self._prepared:
            self._prepare([resource])
        rows = self._prepared.pop(resource.id)
        return tuple(search_passages.sentences(map(passage_of, _telling(rows)))) if rows else ()


def _telling(rows: Sequence[Passage]) -> Iterator[Passage]:
    """All but chapters whose heading stands on their page: the page is found for it, and shows more."""
    divided = {(row.file_id, row.page) for row in rows if row.kind == "chapter"}
    pages: defaultdict[tuple[str, int | None], str] = defaultdict(str)
    for row in rows:
        if row.kind == "page" and (row.file_id, row.page) in divided:
            pages[row.file_id, row.page] += "".join(f"{row.heading}\n{row.text}".split())
    for row in rows:
        if row.kind != "chapter" or "".join(row.text.split()) not in pages[row.file_id, row.page]:
            yield row


def passage_of(row: Passage) -> SearchPassage:
    """A row as a passage to search; a slide's notes are part of its text."""
    text = f"{row.text}\n{row.notes}" if row.notes else row.text
    return SearchPassage(row.id, row.kind, text, row.start, row.end, row.page, row.heading)


def _some(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _completeness(resource: Resource) -> float:
    """How much of a record is filled in, 0 to 1."""
    filled = (
        resource.description,
        resource.subjects,
        resource.keywords,
        resource.creators,
        resource.level,
        resource.kinds,
        resource.has_captions or resource.media_kind not in ("video", "audio"),
    )
    return sum(map(bool, filled)) / len(filled)
