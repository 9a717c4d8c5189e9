"""What is indexed, what is asked, what is answered: frozen values that every engine understands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from search.synonyms import Synonyms, curated

Sort = Literal["relevance", "newest", "shortest", "most_opened"]

FACETS = (
    "institution",
    "institution_kind",
    "division",
    "kind",
    "degree",
    "vocational",
    "subject",
    "level",
    "media_kind",
    "language",
    "licence",
    "duration",
    "year",
    "captions",
    "downloadable",
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A place inside a document: ``id`` is the database's, ``page`` from 1, seconds for cues and chapters."""

    id: str
    kind: str
    text: str
    start: float | None = None
    end: float | None = None
    page: int | None = None
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One resource as the index sees it. ``rev`` is its external version: a lower one never replaces a higher one.

    ``facets`` maps each name of FACETS to its values (a division with all its ancestors, a subject too).
    """

    id: str
    rev: int
    title: str
    description: str = ""
    keywords: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    institution: str = ""  # a second line may hold its name in another language
    subjects: tuple[str, ...] = ()  # labels, in both languages
    text: str = ""
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()
    published_at: float = 0.0  # seconds since the epoch
    duration: float = 0.0  # seconds; 0 for what is read
    pages: int = 0
    opens: int = 0
    quality: float = 0.0  # 0 to 1: reviewed, complete


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A resource that must not be found any more."""

    id: str
    rev: int


@dataclass(frozen=True, slots=True)
class Query:
    """A person's words with filters: values of one facet are alternatives, facets narrow each other.

    ``exact``: words as they were typed, nothing is respelled and nothing means the same. ``like``: some of the words
    suffice, as for texts that are alike. ``pinned`` come first by relevance, in this order, whether words match or not
    (filters do hold); ``hidden`` never come. ``among``: only these, where any are named. ``explain`` names a document
    whose score is to be explained.
    """

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: Sort = "relevance"
    offset: int = 0
    limit: int = 20
    facets: tuple[str, ...] = FACETS
    passages_per_hit: int = 3
    within: str = ""  # only passages of this document
    exact: bool = False
    like: bool = False
    pinned: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    explain: str = ""
    synonyms: Synonyms = field(default_factory=curated)


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage that matched, by its database id."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that matched; ``why`` names fields: title, description, subjects, people, institution, passages."""

    id: str
    rev: int
    score: float
    why: tuple[str, ...] = ()
    passages: tuple[PassageHit, ...] = ()
    passages_total: int = 0


@dataclass(frozen=True, slots=True)
class ScorePart:
    """What a term of a field, or a factor without a term, gave to a score."""

    field: str
    term: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of hits with exact ``total`` and, by facet name, (value, count) most frequent first.

    Counts of a facet ignore that facet's own filter (multi-select). ``terms`` are the folded words to highlight.
    ``explained``: the parts of one document's score, largest first, when that was asked for.
    """

    total: int = 0
    hits: tuple[Hit, ...] = ()
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    corrected: str = ""
    notices: tuple[str, ...] = ()
    generation: str = ""
    explained: tuple[ScorePart, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion: ``kind`` is title, subject, institution or person; ``id`` of the thing where it has one."""

    text: str
    kind: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that the index refused, and why; the others of the batch are in."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the engine answers, how many documents are live, and which generation is served.

    ``must_fill``: it is new, was lost or cannot be read, and has to be filled from the catalogue.
    """

    ok: bool
    documents: int
    generation: str
    detail: str = ""
    must_fill: bool = False
