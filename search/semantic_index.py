"""An index of words to which meaning is added: the first answers of a question come in the order of both."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from search.asking import page
from search.embedding import GuardedEmbedder
from search.errors import SearchUnavailable
from search.explaining import MEANING
from search.model import Answer, Document, Health, Hit, Query, Rejected, ScorePart, Suggestion, Tombstone
from search.port import SearchIndex
from search.semantic import (
    FIRST,
    QUESTION,
    EmbeddingRefused,
    EmbeddingUnavailable,
    Text,
    Vector,
    Vectors,
    is_question,
    nearness,
    ranked,
    readable,
    text_of,
)

LEARNT_AT_ONCE = 8  # documents: what is to be indexed waits for them
NOTED_AT_ONCE = 500

_log = logging.getLogger(__name__)


class SemanticIndex:
    """The search index port over any engine. What it finds, counts and shows is the engine's, and so is any order but
    that of the first answers to a question (`search.semantic.is_question`).

    Documents are searched by words at once; their vectors are made later, by `learn`. Whatever goes wrong with vectors,
    the engine's answer is given as it is.
    """

    def __init__(self, index: SearchIndex, embedder: GuardedEmbedder, vectors: Vectors) -> None:
        self._index = index
        self._embedder = embedder
        self._vectors = vectors

    def write(self, changes: Sequence[Document | Tombstone]) -> list[Rejected]:
        """Apply a batch, durable and visible on return; a change with a lower ``rev`` than the held one is ignored."""
        rejected = self._index.write(changes)
        self._note(changes)
        return rejected

    def search(self, query: Query) -> Answer:
        """Answer a query; never fails because of what is in it."""
        if not is_question(query):
            return self._index.search(query)
        first = self._index.search(replace(query, offset=0, limit=FIRST))
        try:
            block, added = self._ordered(query, first)
        except SearchUnavailable as error:
            _log.warning("a question is answered without meaning: %s", error)
            block, added = list(first.hits), {}
        offset, limit = page(query)
        hits = block[offset : offset + limit]
        explained = first.explained
        if query.explain in added:
            explained = (*explained, ScorePart(MEANING, "", added[query.explain]))
        if len(hits) < limit and len(first.hits) == FIRST:
            hits += self._rest(query, first, block, max(offset, len(block)), limit - len(hits))
        return replace(first, hits=tuple(hits), explained=explained)

    def suggest(self, prefix: str, limit: int = 10) -> list[Suggestion]:
        """Complete what was typed so far: characters, pinyin or initials."""
        return self._index.suggest(prefix, limit)

    def scan(self) -> Iterator[tuple[str, int]]:
        """(id, rev) of every live document, in order of id."""
        return self._index.scan()

    def rebuild(self, documents: Iterable[Document]) -> list[Rejected]:
        """Fill a new generation beside the live one and switch to it at once; the old one answers until then."""
        return self._index.rebuild(self._noting(documents))

    def health(self) -> Health:
        """How the engine is. It is well without meaning: see `wrong`."""
        return self._index.health()

    def close(self) -> None:
        """Let go of files and connections."""
        self._embedder.close()
        self._vectors.close()
        self._index.close()

    def wrong(self) -> str:
        """Why questions are answered by words alone for now; empty when they are not."""
        return self._embedder.wrong()

    def learn(self) -> int:
        """Make the vectors of a few documents that wait for them; how many were settled: 0 also when that fails."""
        try:
            some = self._vectors.wanted(LEARNT_AT_ONCE)
            made = self._made(some)
            self._vectors.keep(made)
        except (EmbeddingUnavailable, SearchUnavailable) as error:
            _log.debug("vectors wait: %s", error)
            return 0
        return len(made)

    def _made(self, some: Sequence[Text]) -> list[tuple[Text, Vector]]:
        """Vectors of these texts. A text that the model does not take, while it takes another, has none."""
        if not some:
            return []
        try:
            return list(zip(some, self._embedder.documents([one.text for one in some]), strict=True))
        except EmbeddingRefused:
            if not self._embedder.takes_anything():
                raise
            if len(some) == 1:
                return [(some[0], ())]
        return [pair for one in some for pair in self._made([one])]

    def _note(self, changes: Iterable[Document | Tombstone]) -> None:
        """Remember of what vectors are to be made. The words are in, so a failure here is not one of the write."""
        changes = list(changes)
        try:
            self._vectors.want([text_of(one) for one in changes if isinstance(one, Document)])
            self._vectors.forget([one.id for one in changes if isinstance(one, Tombstone)])
        except SearchUnavailable as error:
            _log.warning("these documents have no meaning until the index is rebuilt: %s", error)

    def _noting(self, documents: Iterable[Document]) -> Iterator[Document]:
        stream = iter(documents)
        while some := list(islice(stream, NOTED_AT_ONCE)):
            self._note(some)
            yield from some

    def _ordered(self, query: Query, first: Answer) -> tuple[list[Hit], dict[str, float]]:
        """(the first hits in the order of words and meaning, what meaning added to their scores)."""
        placed = [hit for hit in first.hits if hit.id in query.pinned]
        free = [hit for hit in first.hits if hit.id not in query.pinned]
        meant = self._embedder.question(readable((first.corrected or query.text)[:QUESTION])) if len(free) > 1 else None
        if meant is None:
            return list(first.hits), {}
        near = self._vectors.nearest(meant)
        near = {identity: cosine for identity, cosine in near.items() if identity not in query.pinned}
        more = self._among(query, near.keys() - {hit.id for hit in free}) if len(first.hits) == FIRST else ()
        added = nearness(free, more, near | self._vectors.near(meant, [hit.id for hit in free]))
        return [*placed, *ranked(free, more, added)], added

    def _among(self, query: Query, ids: Iterable[str]) -> tuple[Hit, ...]:
        """Those of these documents that the words find too, further back."""
        some = tuple(sorted(ids))
        if not some:
            return ()
        asked = replace(query, among=some, offset=0, limit=len(some), facets=(), pinned=(), explain="")
        return self._index.search(asked).hits

    def _rest(self, query: Query, first: Answer, block: Sequence[Hit], start: int, limit: int) -> tuple[Hit, ...]:
        """What follows the first hits from ``start`` on, by words, without those that have overtaken."""
        seen = {hit.id for hit in first.hits}
        risen = tuple(hit.id for hit in block if hit.id not in seen)
        hidden = (*query.hidden, *risen)
        asked = replace(query, offset=start - len(risen), limit=limit, facets=(), hidden=hidden, explain="")
        return self._index.search(asked).hits
