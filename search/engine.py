"""One generation of the embedded index, opened: tantivy indexes that are read and written together."""

import errno
import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import tantivy

from search import schema, suggest
from search.asking import AnyOf
from search.embedded_query import build
from search.errors import SearchBroken, SearchUnavailable
from search.fields import (
    BACKWARD,
    FORWARD,
    KEY_SEPARATOR,
    abbreviated,
    fields,
    frequency,
    halves,
    latin,
    spelled,
    with_subwords,
)
from search.model import Document, Rejected, Suggestion, Tombstone

HEAP_BYTES = 64_000_000
SMALL_HEAP_BYTES = 15_000_000  # the least that the engine takes
IDS_AT_ONCE = 500
MOST_ALIKE = 1_000  # words with the same sound
ENTRIES_AT_ONCE = 20_000  # of the vocabulary, in one document
MOST_REMEMBERED = 300_000  # words of which this process knows that they are in the vocabulary
_COUNTED_IN = {
    "sound": ("words", "parts"),
    "initials": ("title", "subjects", "institution"),
    "halves": ("words", "parts"),
}


def found_count(result: tantivy.SearchResult) -> int:
    """How many documents matched; the engine's type stubs do not know the attribute."""
    return int(getattr(result, "count", 0) or 0)


def _keys(name: str, words: Iterable[str]) -> Iterator[str]:
    """The entries of the vocabulary that these words have under one of its fields."""
    if name == "halves":
        yield from chain.from_iterable(map(halves, latin(words)))
    elif name == "sound":
        yield from map(spelled, with_subwords(words))
    else:
        yield from (abbreviated(word) for word in with_subwords(words) if len(word) > 1)


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
        broken = SearchUnavailable if _passes(error) else SearchBroken
        raise broken(f"{what}: {error}") from None


_SYSTEM = re.compile(r"\b(?:Os \{ code: |os error )(\d+)")  # the engine tells an error of the system in words


def _passes(error: BaseException) -> bool:
    """Whether the system's state is to blame, such as too many open files or rights, and not what lies in the files."""
    if isinstance(error, OSError):
        code = error.errno
    else:
        told = _SYSTEM.search(str(error))
        code = int(told[1]) if told else None
    return code not in (None, errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class Searchers:
    """What one request reads: the indexes at one moment, and the generation that they belong to."""

    generation: str
    resources: tantivy.Searcher
    passages: tantivy.Searcher
    vocabulary: tantivy.Searcher

    def words(self, beginning: str, most: int) -> list[tuple[str, int]]:
        """(pinyin or initials + separator + word, documents) of the words whose key begins so, the frequent first."""
        found: dict[str, int] = {}
        spoken = beginning[:1] not in (FORWARD, BACKWARD)
        for name in ("sound", "initials") if spoken else ("halves",):
            places = _COUNTED_IN[name]
            for key, _ in self.vocabulary.terms_with_prefix(name, beginning, limit=MOST_ALIKE):
                word = key.partition(KEY_SEPARATOR)[2]
                count = max(frequency(field, self.resources.doc_freq(field, word)) for field in places)
                found[key] = max(count, found.get(key, 0))
        return sorted(((key, count) for key, count in found.items() if count), key=lambda one: (-one[1], one[0]))[:most]


class Writers(NamedTuple):
    """Who writes the indexes, in the order of their commits."""

    vocabulary: tantivy.IndexWriter
    passages: tantivy.IndexWriter
    resources: tantivy.IndexWriter


class Part:
    """One tantivy index: reopened for reading when its files changed, by whatever process."""

    def __init__(self, folder: Path, layout: tantivy.Schema, *, new: bool) -> None:
        self._meta = folder / "meta.json"
        if not new:
            os.stat(self._meta)  # where there is none, an empty index would be made
        self.schema = layout
        self.index = tantivy.Index(layout, path=str(folder))
        self.index.config_reader("manual")
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
    """A generation: readers of its indexes, and the writers when this process has them."""

    def __init__(self, name: str, folder: Path, *, new: bool = False) -> None:
        self.name = name
        try:
            with engine_errors("cannot open the index"):
                self.resources = Part(folder / "resources", schema.resource_schema(), new=new)
                self.passages = Part(folder / "passages", schema.passage_schema(), new=new)
                self.vocabulary = Part(folder / "vocabulary", schema.vocabulary_schema(), new=new)
        except SearchUnavailable as error:
            if error.__cause__ is not None and _passes(error.__cause__):
                raise
            raise SearchBroken(str(error)) from error
        self._lock = threading.Lock()
        self._writers: Writers | None = None
        self._heard: dict[str, set[str]] = {name: set() for name in schema.VOCABULARY}  # words that are written
        self._entries: list[tuple[str, str]] = []  # of the vocabulary, for the next commit

    def searchers(self) -> Searchers:
        """The indexes as they are now. Resources first: a hit's passages may be newer than it, never missing."""
        with self._lock, engine_errors("cannot read the index"):
            resources = self.resources.searcher()
            return Searchers(self.name, resources, self.passages.searcher(), self.vocabulary.searcher())

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
            holding = build(layout, AnyOf("complete", tuple(keys)))
            hits = searcher.search(holding, limit=most, count=False, order_by_field="most_opened").hits
            stored = [searcher.doc(address).to_dict() for _, address in hits]
            return [(found["id"][0], found["label"][0]) for found in stored]

        return suggest.complete(prefix, names, titles, limit)

    def apply(self, changes: Sequence[Document | Tombstone], *, check: bool) -> list[Rejected]:
        """Put changes into the writers' batch; older ones than what is held are ignored.

        ``check``: something may be held; unless so, ids that are not among these changes are new to this generation.
        """
        newest: dict[str, Document | Tombstone] = {}
        for change in changes:
            if change.id not in newest or newest[change.id].rev <= change.rev:
                newest[change.id] = change
        held = self.revisions(list(newest)) if check else {}
        rejected: list[Rejected] = []
        with engine_errors("cannot write the index"):
            for change in newest.values():
                if change.rev >= held.get(change.id, 0):
                    rejected += self._put(change, replaces=change.id in held, check=check)
        return rejected

    def _put(self, change: Document | Tombstone, *, replaces: bool, check: bool) -> list[Rejected]:
        writers = self._open_writers()
        places: list[tantivy.Document] = []
        try:
            if isinstance(change, Tombstone):
                laid = schema.tombstone(change)
            else:
                found = fields(change)
                laid, places = schema.resource(change, found)
                self._hear("sound", found.heard)
                self._hear("initials", found.named)
                self._hear("halves", found.aside)
        except (ValueError, TypeError, UnicodeError) as error:
            return [Rejected(change.id, str(error))]
        # Only where it is needed: every deletion is looked up in every segment. Passages are committed first, so those
        # of a killed writer may be there without their resource.
        if replaces:
            writers.resources.delete_documents_by_term("id", change.id)
        if replaces or (check and places):
            writers.passages.delete_documents_by_term("parent", change.id)
        for place in places:
            writers.passages.add_document(place)
        writers.resources.add_document(laid)
        return []

    def _hear(self, name: str, texts: Sequence[Sequence[str]]) -> None:
        """Put words that are not there yet into the vocabulary. A word that is there twice does no harm."""
        heard = self._heard[name]
        if all(map(heard.issuperset, texts)):
            return
        if len(heard) > MOST_REMEMBERED:
            heard.clear()
        new = set(chain.from_iterable(texts)) - heard
        heard |= new
        held = self.vocabulary.searcher()
        self._entries += ((name, key) for key in _keys(name, new) if not held.doc_freq(name, key))
        if len(self._entries) > ENTRIES_AT_ONCE:
            self._write_entries()

    def _write_entries(self) -> None:
        """New words go into one document: only its terms are ever looked at, and a document costs more than a term."""
        if self._entries:
            self._open_writers().vocabulary.add_document(schema.entries(self._entries))
            self._entries = []

    def commit(self) -> None:
        """Make the batch durable and visible. Resources last: that index holds the revisions."""
        if self._writers is not None:
            with engine_errors("cannot write the index"):
                self._write_entries()
                for writer in self._writers:
                    writer.commit()

    def _open_writers(self) -> Writers:
        if self._writers is None:
            self._writers = Writers(
                self.vocabulary.index.writer(SMALL_HEAP_BYTES, 1),
                self.passages.index.writer(HEAP_BYTES, 1),
                self.resources.index.writer(HEAP_BYTES, 1),
            )
        return self._writers

    def forget_batch(self) -> None:
        """Drop what was not committed, and the writers with their locks."""
        self._writers = None
        self._entries = []
        for words in self._heard.values():
            words.clear()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is applied inside is committed at the end, or forgotten when it raises."""
        try:
            yield
            self.commit()
        except BaseException:
            self.forget_batch()
            raise
