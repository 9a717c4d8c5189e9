"""The object store port: seven methods, bytes only, keys ``blobs/SHA256`` and ``staging/ID``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

BLOBS = "blobs/"
STAGING = "staging/"


class StorageError(Exception):
    """The store is away or refused; what was asked may be asked again."""


class ObjectMissing(StorageError):
    """No object under this key."""


class WrongBytes(StorageError):
    """The bytes do not have the hash that they were promised to have."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: ``size`` in bytes, ``modified`` in UTC."""

    key: str
    size: int
    modified: datetime


class Chunks(Protocol):
    """Bytes on their way, with the file or connection that they come over: whoever stops early has to close."""

    def __iter__(self) -> Self:
        """Itself."""
        ...

    def __next__(self) -> bytes:
        """The next bytes, never none."""
        ...

    def close(self) -> None:
        """Let go; a second time is nothing."""
        ...


@runtime_checkable
class LocalBytes(Protocol):
    """Bytes that lie in a file which never changes: whoever needs a file may link it instead of copying."""

    path: Path


class ObjectStore(Protocol):
    """Where bytes live. A blob is immutable; a staged object grows until it is kept or deleted."""

    def write(self, staged: str, offset: int, chunks: Iterable[bytes]) -> int:
        """Extend ``staging/{staged}`` from ``offset``, cutting off what lies beyond it; answer the durable length.

        When ``chunks`` raises, what came before is durable, and the error goes on to the caller.
        """
        ...

    def keep(self, staged: str, sha256: str) -> Stored:
        """Make the staged bytes the blob ``sha256``. Idempotent: done before, or the blob is there, is success.

        The caller has hashed the bytes. Raises ObjectMissing when neither is there.
        """
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Chunks:
        """Stream bytes; ObjectMissing is raised at the call, not at the first chunk.

        Where objects are files of this machine, a whole object's iterator is a `LocalBytes`.
        """
        ...

    def scan(self, prefix: str) -> Iterator[Stored]:
        """All objects whose key begins so, in order of key; with a whole key, that one or none."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is success."""
        ...

    def url(self, key: str, *, filename: str, media_type: str, inline: bool) -> str | None:
        """An address that lives ≤ 60 s to redirect to, or None: stream it through the application."""
        ...

    def close(self) -> None:
        """Give back what connections are kept; a later call makes new ones."""
        ...


def stat(store: ObjectStore, key: str) -> Stored | None:
    """The object under exactly this key, or None."""
    return next((found for found in store.scan(key) if found.key == key), None)
