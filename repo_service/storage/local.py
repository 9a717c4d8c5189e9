"""Objects as files of one folder: ``blobs/aa/bb/SHA256`` and ``staging/ID``. Durable before anything is answered."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from repo_service.storage import keys
from repo_service.storage.port import BLOBS, STAGING, Chunks, ObjectMissing, StorageError, Stored

CHUNK = 256 * 1024


class LocalStore:
    """The object store of one machine. Any number of processes may share the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._staging = root / "staging"
        self._blobs = root / "blobs"
        self._shelves: set[Path] = set()  # known to be durable; at most 65,536
        for folder in (self._staging, self._blobs):
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, staged: str, offset: int, chunks: Iterable[bytes]) -> int:
        """Extend a staged file; see the port. A gap before ``offset`` is refused: those bytes were never stored."""
        path = self._path(STAGING + staged)
        with _own_errors(path.name):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            with _own_errors(path.name):
                _cut(fd, offset)
            end = _append(fd, chunks, path.name)
        finally:
            os.close(fd)
        if offset == 0:
            with _own_errors(path.name):
                _sync_folder(path.parent)
        return end

    def keep(self, staged: str, sha256: str) -> Stored:
        """Move a staged file to its name by hash, over an older copy: a damaged blob is healed by a new upload."""
        source, target = self._path(STAGING + staged), self._path(BLOBS + sha256)
        with _own_errors(staged):
            self._make_shelf(target.parent)
            try:
                _sync_file(source)
                os.replace(source, target)
            except FileNotFoundError:
                if not target.is_file():
                    raise
            _sync_folder(target.parent)
            _sync_folder(source.parent)
            return _stored(BLOBS + sha256, target.stat())

    def read(self, key: str, start: int = 0, length: int | None = None) -> Chunks:
        """Stream ``length`` bytes from ``start``, or all that follow."""
        path = self._path(key)
        with _own_errors(key):
            return _Reader(path, start, length)

    def scan(self, prefix: str) -> Iterator[Stored]:
        """The objects under a prefix, in order of key, read folder by folder while it is consumed."""
        if BLOBS.startswith(prefix) or prefix.startswith(BLOBS):
            yield from self._scan_blobs(prefix)
        if STAGING.startswith(prefix) or prefix.startswith(STAGING):
            yield from _scan_folder(self._staging, STAGING, prefix)

    def delete(self, key: str) -> None:
        """Remove a file for good."""
        path = self._path(key)
        with _own_errors(key):
            if not path.parent.is_dir():
                return
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)

    def url(self, key: str, *, filename: str, media_type: str, inline: bool) -> str | None:
        """None: the application streams the bytes of a folder itself."""
        return None

    def close(self) -> None:
        """Nothing is kept open."""

    def _path(self, key: str) -> Path:
        area, name = keys.split(key)
        return self._blobs / name[:2] / name[2:4] / name if area == BLOBS else self._staging / name

    def _make_shelf(self, folder: Path) -> None:
        """Make ``blobs/aa/bb`` durable in its parents, also when a process that died had made it and got no further."""
        if folder in self._shelves:
            return
        for level in (folder.parent, folder):
            level.mkdir(exist_ok=True)
            _sync_folder(level.parent)
        self._shelves.add(folder)

    def _scan_blobs(self, prefix: str) -> Iterator[Stored]:
        wanted = prefix[len(BLOBS) :]
        for first in _folders(self._blobs, wanted[:2]):
            for second in _folders(first, wanted[2:4]):
                yield from _scan_folder(second, BLOBS, prefix)


class _Reader(Iterator[bytes]):
    """The bytes of an open file, chunk by chunk; it lets go of the file when it ends or is forgotten."""

    def __init__(self, path: Path, start: int, length: int | None) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._at = start
        self._end = os.fstat(self._fd).st_size if length is None else start + length

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        size = min(CHUNK, self._end - self._at)
        chunk = os.pread(self._fd, size, self._at) if size > 0 and self._fd >= 0 else b""
        if not chunk:
            self.close()
            raise StopIteration
        self._at += len(chunk)
        return chunk

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            self.close()


@contextmanager
def _own_errors(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as missing:
        raise ObjectMissing(what) from missing
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror}") from error


def _cut(fd: int, offset: int) -> None:
    size = os.fstat(fd).st_size
    if size < offset:
        raise StorageError(f"only {size} of {offset} bytes are stored")
    if size > offset:
        os.ftruncate(fd, offset)
    os.lseek(fd, offset, os.SEEK_SET)


def _append(fd: int, chunks: Iterable[bytes], what: str) -> int:
    """Write from the current place; what was written is durable also when ``chunks`` raises."""
    try:
        for chunk in chunks:
            with _own_errors(what):
                _write_all(fd, chunk)
    finally:
        with _own_errors(what):
            os.fsync(fd)
    return os.lseek(fd, 0, os.SEEK_CUR)


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _folders(parent: Path, prefix: str) -> list[Path]:
    with _own_errors(parent.name), os.scandir(parent) as entries:
        names = sorted(entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_dir())
    return [parent / name for name in names]


def _scan_folder(folder: Path, area: str, prefix: str) -> Iterator[Stored]:
    with _own_errors(folder.name), os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        if not (area + name).startswith(prefix):
            continue
        try:
            found = (folder / name).stat()
        except FileNotFoundError:
            continue  # moved or deleted since the folder was read
        yield _stored(area + name, found)


def _stored(key: str, found: os.stat_result) -> Stored:
    return Stored(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
