"""One generation of the embedded index, opened: two tantivy indexes, read and written together."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from search import schema, suggest
from search.errors import SearchBroken, SearchUnavailable
from search.model import Document, Rejected, Suggestion, Tombstone

HEAP_BYTES = 64_000_000
IDS_AT_ONCE = 500


def found_count(result: tantivy.SearchResult) -> int:
    """How many documents matched; the engine's type stubs do not know the attribute."""
    return int(getattr(result, "count", 0) or 0)


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn the engine's errors, panics of its Rust code among them, into ours."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise SearchUnavailable(f"{what}: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # not importable, and no Exception
            raise
        raise SearchBroken(f"{what}: {error}") from None


@dataclass(frozen=True, slots=True)
class Searchers:
    """What one request reads: both indexes at one moment, and the generation that they belong to."""

    generation: str
    resources: tantivy.Searcher
    passages: tantivy.Searcher


class Part:
    """One tantivy index: reopened for reading when its files changed, by whatever process."""

    def __init__(self, folder: Path, layout: tantivy.Schema, *, new: bool) -> None:
        if not new and not tantivy.Index.exists(str(folder)):
            raise FileNotFoundError(f"no index in {folder}")  # else an empty one would be made there
        self.schema = layout
        self.index = tantivy.Index(layout, path=str(folder))
        self.index.config_reader("manual")
        self._meta = folder / "meta.json"
        self._seen: tuple[int, int] | None = None

    def searcher(self) -> tantivy.Searcher:
        """The newest state that is committed; of a generation that was dropped meanwhile, the last one."""
        try:
            status = os.stat(self._meta)
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._seen:
                self.index.reload()
                self._seen = stamp
        except (OSError, ValueError):
            if self._meta.exists():
                raise
        return self.index.searcher()


class Engine:
    """A generation: readers of both indexes, and the writers when this process has them."""

    def __init__(self, name: str, folder: Path, *, new: bool = False) -> None:
        self.name = name
        try:
            with engine_errors("cannot open the index"):
                self.resources = Part(folder / "resources", schema.resource_schema(), new=new)
                self.passages = Part(folder / "passages", schema.passage_schema(), new=new)
        except SearchUnavailable as error:
            raise SearchBroken(str(error)) from error
        self._lock = threading.Lock()
        self._writers: tuple[tantivy.IndexWriter, tantivy.IndexWriter] | None = None

    def searchers(self) -> Searchers:
        """Both indexes as they are now. Resources first: a hit's passages may be newer than it, never missing."""
        with self._lock, engine_errors("cannot read the index"):
            resources = self.resources.searcher()
            return Searchers(self.name, resources, self.passages.searcher())

    def revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """The revision held of each of these documents, tombstones too."""
        searcher = self.searchers().resources
        held: dict[str, int] = {}
        with engine_errors("cannot read the index"):
            for start in range(0, len(ids), IDS_AT_ONCE):
                some = list(ids[start : start + IDS_AT_ONCE])
                query = tantivy.Query.term_set_query(self.resources.schema, "id", some)
                for _, address in searcher.search(query, limit=len(some), count=False).hits:
                    found: dict[str, list[Any]] = searcher.doc(address).to_dict()
                    held[found["id"][0]] = found["rev"][0]
        return held

    def complete(self, prefix: str, limit: int) -> list[Suggestion]:
        """Completions of what was typed, of living documents only; titles that were opened often first."""
        searcher, layout = self.searchers().resources, self.resources.schema
        alive = tantivy.Query.term_query(layout, "live", "1")

        def names(beginning: str, most: int) -> list[tuple[str, int]]:
            """Institutions, subjects and people."""
            return list(searcher.terms_with_prefix("named", beginning, filter_query=alive, limit=most))

        def titles(beginning: str, most: int) -> list[tuple[str, str]]:
            """The documents whose title goes on like this."""
            keys = [key for key, _ in searcher.terms_with_prefix("complete", beginning, limit=suggest.LOOKED_AT)]
            if not keys:
                return []
            holding = tantivy.Query.term_set_query(layout, "complete", keys)
            hits = searcher.search(holding, limit=most, count=False, order_by_field="most_opened").hits
            stored = [searcher.doc(address).to_dict() for _, address in hits]
            return [(found["id"][0], found["label"][0]) for found in stored]

        return suggest.complete(prefix, names, titles, limit)

    def apply(self, changes: Sequence[Document | Tombstone], *, check: bool) -> list[Rejected]:
        """Put changes into the writers' batch. ``check``: ignore those older than what is held."""
        newest: dict[str, Document | Tombstone] = {}
        for change in changes:
            if change.id not in newest or newest[change.id].rev <= change.rev:
                newest[change.id] = change
        held = self.revisions(list(newest)) if check else {}
        rejected: list[Rejected] = []
        with engine_errors("cannot write the index"):
            for change in newest.values():
                if change.rev >= held.get(change.id, 0):
                    rejected += self._put(change)
        return rejected

    def _put(self, change: Document | Tombstone) -> list[Rejected]:
        resources, passages = self._open_writers()
        places: list[tantivy.Document] = []
        try:
            if isinstance(change, Tombstone):
                laid = schema.tombstone(change)
            else:
                laid, places = schema.resource(change)
        except (ValueError, TypeError, UnicodeError) as error:
            return [Rejected(change.id, str(error))]
        resources.delete_documents_by_term("id", change.id)
        passages.delete_documents_by_term("parent", change.id)
        for place in places:
            passages.add_document(place)
        resources.add_document(laid)
        return []

    def commit(self) -> None:
        """Make the batch durable and visible. Passages first: the other index holds the revision."""
        if self._writers is not None:
            resources, passages = self._writers
            with engine_errors("cannot write the index"):
                passages.commit()
                resources.commit()

    def _open_writers(self) -> tuple[tantivy.IndexWriter, tantivy.IndexWriter]:
        if self._writers is None:
            resources = self.resources.index.writer(HEAP_BYTES, 1)
            self._writers = resources, self.passages.index.writer(HEAP_BYTES, 1)
        return self._writers

    def forget_batch(self) -> None:
        """Drop what was not committed, and the writers with their locks."""
        self._writers = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is applied inside is committed at the end, or forgotten when it raises."""
        try:
            yield
            self.commit()
        except BaseException:
            self.forget_batch()
            raise
