"""Folders of the embedded index: one per generation, a pointer to the live one, and who may write.

<root>/live                 name of the live generation, replaced by rename
<root>/writing.lock         held while a batch is written or the pointer moves
<root>/<name>/about.json    version of the schema, and whether it was filled from the database
<root>/<name>/{resources,passages,vocabulary}   engine indexes
<root>/<name>/journal       changes that came while this generation was being filled

What is absent or damaged is told as such; any other error of the system is SearchUnavailable, and soon over perhaps.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from search.errors import SearchUnavailable

_LIVE = "live"
_ABOUT = "about.json"
JOURNAL = "journal"


@contextmanager
def system_errors() -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        raise SearchUnavailable(f"the folder of the index: {error}") from error


class Generations:
    """The folder of an embedded index."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, tuple[tuple[int, int], str]] = {}  # small files, each with the stamp that it had

    @system_errors()
    def live(self) -> str:
        """Name of the generation that answers; empty when there is none."""
        try:
            return self._contents(self.root / _LIVE).strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def _contents(self, path: Path) -> str:
        """What a file holds that is only ever replaced: read again when another one lies in its place."""
        status = os.stat(path)
        stamp = status.st_mtime_ns, status.st_ino
        held = self._read.get(path)
        if held is None or held[0] != stamp:
            held = self._read[path] = stamp, path.read_text(encoding="utf-8")
        return held[1]

    def folder(self, name: str) -> Path:
        """Where a generation lies."""
        return self.root / name

    @system_errors()
    def create(self) -> str:
        """Make the folders of a new generation."""
        name = f"g{time.time_ns():x}"
        for part in ("resources", "passages", "vocabulary"):
            (self.root / name / part).mkdir(parents=True)
        return name

    @system_errors()
    def describe(self, name: str, *, version: int, complete: bool) -> None:
        """Write what a generation is."""
        _replace(self.root / name / _ABOUT, json.dumps({"schema": version, "complete": complete}))

    @system_errors()
    def about(self, name: str) -> tuple[int, bool]:
        """(schema version, complete) of a generation; (0, False) when that is not there or damaged."""
        try:
            read = json.loads(self._contents(self.root / name / _ABOUT))
            return int(read["schema"]), bool(read["complete"])
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return 0, False

    def condemn(self, name: str) -> None:
        """Say that a generation cannot be read; the writer replaces it."""
        self.describe(name, version=0, complete=False)

    def switch(self, name: str) -> None:
        """Make a generation the live one, in one step, and drop all others that nobody fills."""
        with system_errors():
            _replace(self.root / _LIVE, name)
        self.sweep()

    @system_errors()
    def sweep(self) -> None:
        """Drop generations that are neither live nor being filled by a living process."""
        live = self.live()
        for folder in self.root.glob("g*"):
            if folder.name != live and not _is_locked(folder / "filling.lock"):
                shutil.rmtree(folder, ignore_errors=True)

    @system_errors()
    def filling(self) -> list[Path]:
        """Journals of the generations that a living process fills at this moment."""
        return [
            folder / JOURNAL
            for folder in self.root.glob("g*")
            if folder.name != self.live() and _is_locked(folder / "filling.lock")
        ]

    @contextmanager
    def fill(self, name: str) -> Iterator[None]:
        """Say that this process fills a generation; the mark ends with the process, however that ends."""
        with _locked(self.root / name / "filling.lock"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One batch or one switch at a time, over all processes."""
        with system_errors():
            self.root.mkdir(parents=True, exist_ok=True)
        with _locked(self.root / "writing.lock"):
            yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with ExitStack() as stack:
        with system_errors():
            fcntl.flock(stack.enter_context(path.open("a")), fcntl.LOCK_EX)
        yield


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _replace(path: Path, content: str) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
