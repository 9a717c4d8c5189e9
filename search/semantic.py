"""Meaning beside words: what is compared, the ports for vectors, and how nearness joins the score of a question.

A question and the title and summary of a document become vectors of length 1; the cosine of two is how near their
meanings are. Nothing of it is a truth: vectors are made of the catalogue's texts, and made again when they are lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import sqrt
from operator import mul
from typing import Protocol

from search import weights
from search.fold import fold
from search.model import Document, Hit, Query
from search.query import understand
from search.words import lines

TITLE, SUMMARY = 60, 64  # characters of a document that are read; the cost of a vector grows with them
QUESTION = 120
FIRST = 50  # hits by words whose order meaning may change
Vector = tuple[float, ...]
_ASKING = frozenset(lines("asking.txt"))


class EmbeddingUnavailable(Exception):
    """No vectors can be had for now: the model is not there, or its endpoint is away, slow or answers nonsense."""


class EmbeddingRefused(EmbeddingUnavailable):
    """The model does not take this text."""


class Embedder(Protocol):
    """A model that turns texts into vectors of length 1. Raises EmbeddingUnavailable, nothing of a vendor's.

    Nothing is loaded or connected before it is first asked.
    """

    @property
    def name(self) -> str:
        """The model; vectors of different models cannot be compared."""
        ...

    def question(self, text: str) -> Vector:
        """The vector of a question."""
        ...

    def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts that may answer one, in their order."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a document of which a vector is made. ``rev``: the document's; a lower one never replaces it."""

    id: str
    rev: int
    text: str

    @property
    def digest(self) -> bytes:
        """Of the text alone: an unchanged text keeps its vector."""
        return blake2b(self.text.encode(), digest_size=16).digest()


class Vectors(Protocol):
    """One vector a document, of one model, kept beside the index. Raises `search.errors.SearchUnavailable`."""

    def want(self, texts: Sequence[Text]) -> None:
        """Have vectors made of these texts, unless they are there: until then a document has none."""
        ...

    def wanted(self, most: int) -> list[Text]:
        """Texts whose vectors are still to be made, by whoever asks."""
        ...

    def keep(self, made: Sequence[tuple[Text, Vector]]) -> None:
        """Take vectors that were made. An empty one: none can be made of this text."""
        ...

    def forget(self, ids: Sequence[str]) -> None:
        """Drop what is known of these documents."""
        ...

    def near(self, vector: Vector, ids: Sequence[str]) -> dict[str, float]:
        """The cosine for each of these documents that has a vector."""
        ...

    def nearest(self, vector: Vector) -> dict[str, float]:
        """The nearest documents of all with their cosine; none where that would mean to look at every one."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def text_of(document: Document) -> Text:
    """What stands for a document: its title, and its summary or else the beginning of its text."""
    summary = document.description.strip() or document.text.strip()
    return Text(document.id, document.rev, readable(f"{document.title[:TITLE]} {summary[:SUMMARY]}"))


def readable(text: str) -> str:
    """A text as models are given it: folded as all others, in one line, without what is no character."""
    return " ".join(fold(text.encode("utf-8", "ignore").decode("utf-8").replace("\0", " ")).split())


def is_question(query: Query) -> bool:
    """Whether meaning may help: words that ask, ordered by relevance, with nothing among them that is to be exact.

    A long row of words that asks nothing may be an excerpt; then words alone know better.
    """
    if query.exact or query.like or query.within or query.sort != "relevance" or query.limit < 1:
        return False
    plan = understand(query.text)
    asks = not _ASKING.isdisjoint((*plan.words, *plan.small))
    return asks and plan.loose and not plan.phrases and not plan.filters


def unit(numbers: Sequence[float]) -> Vector:
    """A vector of length 1 in this direction. Raises EmbeddingUnavailable for one that has no direction."""
    try:
        length = sqrt(sum(map(mul, numbers, numbers)))
        made = tuple(float(number) / length for number in numbers)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise EmbeddingUnavailable(f"the model made no vector: {error}") from None
    if not 0 < length < float("inf"):
        raise EmbeddingUnavailable("the model made a vector without a length")
    return made


def nearness(hits: Sequence[Hit], more: Sequence[Hit], cosines: Mapping[str, float]) -> dict[str, float]:
    """What nearness adds to the score of each hit: from nothing for the farthest to a share of the best score by words.

    ``hits`` are the first ones by words, ``more`` come from further back because they are near.
    """
    known = [cosines[hit.id] for hit in (*hits, *more) if hit.id in cosines]
    if len(known) < 2 or max(known) <= min(known):
        return {}
    least, spread = min(known), max(known) - min(known)
    most = weights.MEANING * max(hit.score for hit in hits)
    return {
        hit.id: most * (cosines[hit.id] - least) / spread
        for hit in (*hits, *more)
        if hit.id in cosines and cosines[hit.id] > least
    }


def ranked(hits: Sequence[Hit], more: Sequence[Hit], added: Mapping[str, float]) -> list[Hit]:
    """The hits with their new scores, the best first. One of ``more`` comes in if it overtakes one of ``hits``.

    So no score in this list is lower than that of any hit after it by words, and the list goes on as it did.
    """
    least = min(hit.score for hit in hits)
    risen = [replace(hit, score=hit.score + added.get(hit.id, 0.0)) for hit in (*hits, *more)]
    # Sorting is stable: where meaning says nothing, the order by words remains.
    return sorted((hit for hit in risen if hit.score >= least), key=lambda hit: -hit.score)
