"""The embedded engine: the search index port on tantivy, in a folder, for one machine."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from search import journal, schema
from search.asking import INCOMPLETE, LIVE
from search.embedded_query import build
from search.embedded_search import OneSearch
from search.engine import Engine, engine_errors, found_count
from search.errors import NotTheWriter, SearchBroken, SearchUnavailable
from search.generations import JOURNAL, Generations, system_errors
from search.model import Answer, Document, Health, Query, Rejected, Suggestion, Tombstone

SWITCHES = 5  # of generations, while one request opens the index
REBUILD_BATCH = 500
SCAN_PAGE = 50_000


class EmbeddedIndex:
    """A folder with generations of the index. Any process reads it; the one that has the writer's role writes.

    A generation whose schema is older, or that cannot be opened, is replaced by a new empty one at the next write;
    `health` then says so until a rebuild has filled it.
    """

    def __init__(self, path: Path, *, writer: bool) -> None:
        self._generations = Generations(path)
        self._writer = writer
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def write(self, changes: Sequence[Document | Tombstone]) -> list[Rejected]:
        """Apply a batch, durable and visible on return; a change with a lower ``rev`` than the held one is ignored."""
        self._must_write()
        with self._generations.writing():
            engine = self._live_or_new()
            with engine.batch():
                for path in self._generations.filling():
                    with system_errors():
                        journal.append(path, changes)
                return engine.apply(changes, check=True)

    def rebuild(self, documents: Iterable[Document]) -> list[Rejected]:
        """Fill a new generation beside the live one and switch to it at once; the old one answers until then."""
        self._must_write()
        generations = self._generations
        with generations.writing():
            generations.sweep()  # what killed ones left: where every one is killed, nobody ever comes to switch
            name = generations.create()
            filling = generations.fill(name)
            filling.__enter__()
        try:
            engine = Engine(name, generations.folder(name), new=True)
            rejected = _fill(engine, documents)
            path = generations.folder(name) / JOURNAL
            done = _replay(engine, path, 0)
            with generations.writing():
                _replay(engine, path, done)
                engine.forget_batch()
                generations.describe(name, version=schema.VERSION, complete=True)
                generations.switch(name)
            return rejected
        finally:
            filling.__exit__(None, None, None)

    def scan(self) -> Iterator[tuple[str, int]]:
        """(id, rev) of every live document, in order of id."""
        engine = self._live()
        if engine is None:
            return
        found: list[tuple[str, int]] = []
        with self._reading(engine, "cannot scan the index"):
            searcher = engine.searchers().resources
            query = build(engine.resources.schema, LIVE)
            for start in range(0, found_count(searcher.search(query, limit=1)), SCAN_PAGE):
                for _, address in searcher.search(query, limit=SCAN_PAGE, offset=start, count=False).hits:
                    stored = searcher.doc(address).to_dict()
                    found.append((stored["id"][0], stored["rev"][0]))
        found.sort()
        yield from found

    def health(self) -> Health:
        """How the engine is."""
        try:
            engine = self._live()
            if engine is None:
                return Health(True, 0, "", "there is no index yet", must_fill=True)
            with self._reading(engine, "cannot count"):
                everything = build(engine.resources.schema, LIVE)
                count = found_count(engine.searchers().resources.search(everything, limit=1))
            _, complete = self._generations.about(engine.name)
        except SearchUnavailable as error:
            return Health(False, 0, "", str(error), must_fill=isinstance(error, SearchBroken))
        return Health(True, count, engine.name, "" if complete else "not yet filled", must_fill=not complete)

    def suggest(self, prefix: str, limit: int = 10) -> list[Suggestion]:
        """Complete what was typed so far: characters, pinyin or initials."""
        engine = self._live()
        if engine is None:
            return []
        with self._reading(engine, "cannot complete"):
            return engine.complete(prefix, limit)

    def search(self, query: Query) -> Answer:
        """Answer a query; never fails because of what is in it."""
        engine = self._live()
        if engine is None:
            raise SearchUnavailable("there is no index yet")
        with self._reading(engine, "cannot search"):
            answer = OneSearch(engine, engine.searchers(), query).answer()
        version, complete = self._generations.about(engine.name)
        if version and not complete:
            return replace(answer, notices=(*answer.notices, INCOMPLETE))
        return answer

    def close(self) -> None:
        """Let the files go, and the writer's lock with them."""
        with self._lock:
            if self._engine is not None:
                self._engine.forget_batch()
            self._engine = None

    @contextmanager
    def _reading(self, engine: Engine, what: str) -> Iterator[None]:
        """Turn the engine's errors into ours; a generation that cannot be read is given up."""
        try:
            with engine_errors(what):
                yield
        except SearchBroken:
            with suppress(SearchUnavailable):  # who only reads may have no right to say so
                self._generations.condemn(engine.name)
            raise

    def _must_write(self) -> None:
        if not self._writer:
            raise NotTheWriter("this process only reads the index")

    def _live(self) -> Engine | None:
        """The generation that answers. One that is replaced while it is being opened is let go for its successor."""
        for _ in range(SWITCHES):
            name = self._generations.live()
            try:
                return self._opened(name)
            except SearchBroken:
                if self._generations.live() == name:
                    raise
        raise SearchUnavailable("the index is being replaced")

    def _opened(self, name: str) -> Engine | None:
        with self._lock:
            if self._engine is None or self._engine.name != name:
                self._engine = None
                version, _ = self._generations.about(name) if name else (schema.VERSION, True)
                if version != schema.VERSION:
                    raise SearchBroken(f"the index has schema {version}, not {schema.VERSION}")
                self._engine = Engine(name, self._generations.folder(name)) if name else None
            return self._engine

    def _live_or_new(self) -> Engine:
        try:
            engine = self._live()
        except SearchBroken:
            engine = None
        if engine is not None and self._generations.about(engine.name)[0] != schema.VERSION:
            engine.forget_batch()  # a reader found it unreadable
            engine = None
        if engine is None:
            name = self._generations.create()
            self._generations.describe(name, version=schema.VERSION, complete=False)
            engine = Engine(name, self._generations.folder(name), new=True)
            self._generations.switch(name)
            with self._lock:
                self._engine = engine
        return engine


def _fill(engine: Engine, documents: Iterable[Document]) -> list[Rejected]:
    """All in one commit: what a killed rebuild leaves is dropped anyway, and fewer segments are merged."""
    rejected: list[Rejected] = []
    stream = iter(documents)
    with engine.batch():
        while some := list(islice(stream, REBUILD_BATCH)):
            rejected += engine.apply(some, check=False)
    return rejected


def _replay(engine: Engine, path: Path, start: int) -> int:
    """Apply what the journal holds from this byte on; where it ends."""
    with system_errors():
        changes, end = journal.read(path, start)
    if changes:
        with engine.batch():
            engine.apply(changes, check=True)
    return end
