"""The search index port: reading and writing together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from search.model import Answer, Document, Health, Query, Rejected, Suggestion, Tombstone


class SearchIndex(Protocol):
    """A disposable projection of the catalogue. Errors of the engine come out as `search.errors.SearchUnavailable`."""

    def write(self, changes: Sequence[Document | Tombstone]) -> list[Rejected]:
        """Apply a batch, durable and visible on return; a change with a lower ``rev`` than the held one is ignored."""
        ...

    def search(self, query: Query) -> Answer:
        """Answer a query; never fails because of what is in it."""
        ...

    def suggest(self, prefix: str, limit: int = 10) -> list[Suggestion]:
        """Complete what was typed so far: characters, pinyin or initials."""
        ...

    def scan(self) -> Iterator[tuple[str, int]]:
        """(id, rev) of every live document, in order of id."""
        ...

    def rebuild(self, documents: Iterable[Document]) -> list[Rejected]:
        """Fill a new generation beside the live one and switch to it at once; the old one answers until then.

        Each id comes once.
        """
        ...

    def health(self) -> Health:
        """How the engine is."""
        ...

    def close(self) -> None:
        """Let go of files and connections. What is not committed is forgotten; nothing is asked afterwards."""
        ...
