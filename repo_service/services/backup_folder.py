"""What a backup folder looks like, and how it is read without trusting it.

``xuehai.db`` is a snapshot of the database, ``blobs/aa/SHA256`` are the bytes, ``SHA256SUMS`` covers both (so that
``sha256sum -c`` checks it without this program), ``manifest.json`` is written last: without it the backup is not
complete. The index is not in it; it is built anew from the database.
"""

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import NullPool, create_engine, func, select
from sqlalchemy.orm import Session

from repo_service.errors import Invalid
from repo_service.models import Blob, File, Resource
from repo_service.services import audit

FORMAT = 1
DATABASE, SUMS, MANIFEST = "xuehai.db", "SHA256SUMS", "manifest.json"
CHUNK = 2**20
_SUM = re.compile(r"([0-9a-f]{64})  (xuehai\.db|blobs/[0-9a-f]{2}/[0-9a-f]{64})")
Advance = Callable[[int, int], None]  # done, in all


def silent(_done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


@dataclass(slots=True)
class Outcome:
    """What was carried or checked, and what is wrong with it, one sentence each."""

    resources: int = 0
    blobs: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def place_of(sha256: str) -> str:
    """Where a blob lies in a backup."""
    return f"blobs/{sha256[:2]}/{sha256}"


def open_folder(folder: Path) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """The (hash, place) pairs, the database first, and the manifest. Raises Invalid (``backup_unreadable``)."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        text = (folder / SUMS).read_text(encoding="ascii")
        fits = manifest["format"] == FORMAT and manifest["sums_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{folder}: {error}", code="backup_unreadable") from None
    found = [_SUM.fullmatch(line) for line in text.splitlines()]
    pairs = [(match[1], match[2]) for match in found if match and match[2] in (DATABASE, place_of(match[1]))]
    if not fits or len(pairs) != len(found) or [place for _, place in pairs[:1]] != [DATABASE]:
        raise Invalid(f"{folder}: manifest.json and SHA256SUMS do not fit together", code="backup_unreadable")
    return pairs, manifest


def measure(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a plain file; (-1, "") when there is none, and a link is none."""
    digest, size = hashlib.sha256(), 0
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return -1, ""
    with os.fdopen(fd, "rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def write_durably(path: Path, chunks: Iterable[bytes]) -> None:
    """A file, or none: written beside its place, made durable, moved there."""
    coming = path.with_name(path.name + ".coming")
    path.parent.mkdir(parents=True, exist_ok=True)
    with coming.open("wb") as target:
        for chunk in chunks:
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    coming.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def integrity(path: Path) -> list[str]:
    """What SQLite itself finds wrong with a database file, and anything in it that would run by itself."""
    try:
        with closing(_read_only(path)) as connection:
            wrong = [row[0] for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
            wrong += [
                f"{table}: a row without its parent" for table, *_ in connection.execute("PRAGMA foreign_key_check")
            ]
            alive = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')")
            wrong += [f"{name}: neither triggers nor views belong here" for (name,) in alive]
    except sqlite3.DatabaseError as error:
        return [f"{path.name}: {error}"]
    return [f"{path.name}: {sentence}" for sentence in wrong]


def read_snapshot(path: Path, outcome: Outcome) -> list[str]:
    """The hashes that a snapshot refers to, in order; counts its resources and checks it and its audit trail."""
    outcome.problems += integrity(path)
    engine = create_engine("sqlite://", creator=lambda: _read_only(path), poolclass=NullPool)
    with Session(engine) as session:
        count_resources(session, outcome)
        outcome.problems += [f"audit_chain_broken {broken.seq}: {broken.reason}" for broken in audit.verify(session)]
        return list(session.scalars(select(File.sha256).distinct().order_by(File.sha256)))


def settle(path: Path) -> None:
    """Leave a database that nobody uses as one durable file, without a log beside it, for its owner alone."""
    path.chmod(0o600)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


def count_resources(session: Session, outcome: Outcome) -> None:
    """Note how many resources there are."""
    outcome.resources = session.scalar(select(func.count()).select_from(Resource)) or 0


def referred(session: Session) -> tuple[int, int]:
    """How many blobs files refer to, and their bytes."""
    used = select(File.sha256).distinct()
    row = session.execute(select(func.count(), func.coalesce(func.sum(Blob.size), 0)).where(Blob.sha256.in_(used)))
    count, size = row.one()
    return count, int(size)
