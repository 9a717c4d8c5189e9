"""A row of the catalogue → the document that the index holds: the one mapper, live and at a rebuild."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from repo_service.models import Division, Passage, Resource, Subject
from repo_service.services.labels import duration_class
from repo_service.vocab import DOWNLOADABLE
from search import passages as search_passages
from search.model import Document, Tombstone
from search.model import Passage as SearchPassage

_DEPTH = 12  # no tree of divisions or subjects is deeper; a circle in the data ends here


class Mapper:
    """Maps resources of one session; it remembers the trees, so that a batch reads them once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._division = cache(self._load_division)
        self._subject = cache(self._load_subject)
        self._prepared: dict[str, list[Passage]] = {}

    def load(self, ids: Sequence[str]) -> dict[str, Resource]:
        """These resources with all that their documents are made of; those that are gone are left out."""
        wanted = select(Resource).where(Resource.id.in_(ids))
        found = self._session.scalars(wanted.options(joinedload(Resource.institution))).all()
        self.prepare(found)
        return {row.id: row for row in found}

    def prepare(self, resources: Sequence[Resource]) -> None:
        """Read the passages of these resources at once; those of the ones before are let go."""
        served = {row.id: row.served_version for row in resources if row.state == "published"}
        self._prepared = {identity: [] for identity in served}
        rows = select(Passage).where(Passage.resource_id.in_(served))
        for row in self._session.scalars(rows.order_by(Passage.file_id, Passage.step, Passage.ordinal)):
            if row.version == served[row.resource_id]:
                self._prepared[row.resource_id].append(row)

    def change(self, resource: Resource) -> Document | Tombstone:
        """The document of a published resource, a tombstone of any other."""
        if resource.state != "published":
            return Tombstone(resource.id, resource.rev)
        institution = resource.institution
        return Document(
            id=resource.id,
            rev=resource.rev,
            title=resource.title,
            description=resource.description,
            keywords=tuple(resource.keywords),
            people=tuple(resource.creators),
            institution=f"{institution.name}\n{institution.name_en}".strip(),
            subjects=tuple(self._labels(resource)),
            text=resource.text,
            facets=self._facets(resource),
            passages=self._passages(resource),
            published_at=resource.published_at.timestamp() if resource.published_at else 0.0,
            duration=resource.duration or 0.0,
            opens=resource.opens,
            quality=_completeness(resource),
        )

    def _facets(self, resource: Resource) -> dict[str, tuple[str, ...]]:
        institution = resource.institution
        return {
            "institution": (institution.slug,),
            "institution_kind": (institution.kind,),
            "division": tuple(self._division(institution.division_code)),
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
            self.prepare([resource])
        rows = self._prepared.pop(resource.id)
        return tuple(search_passages.sentences(map(passage_of, rows))) if rows else ()


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
