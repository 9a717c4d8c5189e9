"""Vectors in one SQLite file beside the embedded index: any process reads it, and those that write take turns."""

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from operator import mul
from pathlib import Path
from struct import calcsize, pack, unpack

from search.errors import SearchUnavailable
from search.semantic import Text, Vector

WAIT_SECONDS = 5.0
AT_ONCE = 500
_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
  id TEXT PRIMARY KEY, rev INTEGER NOT NULL, digest BLOB NOT NULL,
  text TEXT, -- while its vector is still to be made
  vector BLOB -- half precision, little-endian; empty when none can be made
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wanted ON vectors (id) WHERE text IS NOT NULL;
"""


class VectorFile:
    """Vectors of one model in a folder, which may be deleted at any time: they are made again at a rebuild.

    A vector of n numbers takes 2n bytes. Nothing but what is asked for is read, so there is no nearest of all.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._path = folder / f"{blake2b(model.encode(), digest_size=8).hexdigest()}.sqlite3"
        self._idle: deque[sqlite3.Connection] = deque()

    def want(self, texts: Sequence[Text]) -> None:
        """Have vectors made of these texts, unless they are there: until then a document has none."""
        rows = [(one.id, one.rev, one.digest, one.text) for one in texts]
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO vectors (id, rev, digest, text) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " rev = excluded.rev, digest = excluded.digest, text = excluded.text, vector = NULL"
                " WHERE digest <> excluded.digest AND rev <= excluded.rev",
                rows,
            )

    def wanted(self, most: int) -> list[Text]:
        """Texts whose vectors are still to be made, by whoever asks."""
        with self._reading() as connection:
            found = connection.execute("SELECT id, rev, text FROM vectors WHERE text IS NOT NULL LIMIT ?", (most,))
            return [Text(*row) for row in found]

    def keep(self, made: Sequence[tuple[Text, Vector]]) -> None:
        """Take vectors that were made. An empty one: none can be made of this text."""
        rows = [(pack(f"<{len(vector)}e", *vector), one.id, one.digest) for one, vector in made]
        with self._writing() as connection:
            connection.executemany("UPDATE vectors SET vector = ?, text = NULL WHERE id = ? AND digest = ?", rows)

    def forget(self, ids: Sequence[str]) -> None:
        """Drop what is known of these documents."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM vectors WHERE id = ?", [(identity,) for identity in ids])

    def near(self, vector: Vector, ids: Sequence[str]) -> dict[str, float]:
        """The cosine for each of these documents that has a vector."""
        size = calcsize(f"<{len(vector)}e")
        found: dict[str, float] = {}
        with self._reading() as connection:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = connection.execute(f"SELECT id, vector FROM vectors WHERE id IN ({marks})", some)  # noqa: S608
                found |= {
                    identity: sum(map(mul, vector, unpack(f"<{len(vector)}e", kept)))
                    for identity, kept in rows
                    if kept is not None and len(kept) == size
                }
        return found

    def nearest(self, vector: Vector) -> dict[str, float]:
        """None: every vector would have to be looked at."""
        return {}

    def close(self) -> None:
        """Let go of the file."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile; one after which something went wrong is not used again."""
        try:
            connection = self._connection()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise SearchUnavailable(f"the vectors in {self._path.name}: {error}") from error
        self._idle.append(connection)

    def _connection(self) -> sqlite3.Connection:
        with suppress(IndexError):
            return self._idle.pop()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        made = sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = NORMAL")
            made.executescript(_TABLE)
        except BaseException:
            made.close()
            raise
        return made
