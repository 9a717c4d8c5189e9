"""Backup of an embedded installation into a folder while it runs, and the check of a backup or of the installation."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Conflict, Misconfigured
from repo_service.migrations import run
from repo_service.services import backup_folder, invariants
from repo_service.services.backup_folder import DATABASE, FORMAT, MANIFEST, SUMS, Advance, Outcome, place_of, silent
from repo_service.storage.port import BLOBS, ObjectMissing


def backup(ctx: Context, folder: Path, advance: Advance = silent) -> Outcome:
    """Write a backup into an empty folder while everything runs on.

    The database comes first: blobs are immutable, and one that loses its last reference afterwards rests in
    quarantine for days, so what is copied later holds all that the snapshot refers to. Unfinished uploads are left
    out. Raises Misconfigured for a database that is not embedded, Conflict (``backup_not_empty``).
    """
    if not ctx.db.is_sqlite:
        raise Misconfigured("backup is for the embedded database; take pg_dump and the tools of the object store")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Conflict(str(folder), code="backup_not_empty")
    _snapshot(ctx.db, folder / DATABASE)
    outcome = Outcome()
    wanted = backup_folder.read_snapshot(folder / DATABASE, outcome)
    sums = [f"{backup_folder.measure(folder / DATABASE)[1]}  {DATABASE}"]
    for done, sha256 in enumerate(wanted, start=1):
        if _copy(ctx, sha256, folder / place_of(sha256), outcome):
            sums.append(f"{sha256}  {place_of(sha256)}")
        advance(done, len(wanted))
    backup_folder.write_durably(folder / SUMS, [("\n".join(sums) + "\n").encode()])
    manifest = json.dumps(_manifest(ctx, folder, outcome), ensure_ascii=False, indent=2)
    backup_folder.write_durably(folder / MANIFEST, [manifest.encode()])
    return outcome


def verify(folder: Path, advance: Advance = silent) -> Outcome:
    """Read a whole backup again: every hash, the database's own check, its audit trail, and that nothing is lacking.

    Raises Invalid (``backup_unreadable``) when the folder is no complete backup that this program can read.
    """
    pairs, _ = backup_folder.open_folder(folder)
    outcome = Outcome()
    database_is_whole = False
    for done, (sha256, place) in enumerate(pairs, start=1):
        size, digest = backup_folder.measure(folder / place)
        if digest != sha256:
            outcome.problems.append(f"{place}: {'is not there' if size < 0 else 'has other bytes than it had'}")
        elif place == DATABASE:
            database_is_whole = True
        else:
            outcome.blobs += 1
            outcome.bytes += size
        advance(done, len(pairs))
    if database_is_whole:
        lacking = set(backup_folder.read_snapshot(folder / DATABASE, outcome)) - {sha256 for sha256, _ in pairs}
        outcome.problems += [f"{sha256}: was not in the store when the backup was made" for sha256 in sorted(lacking)]
    return outcome


def verify_live(ctx: Context, advance: Advance = silent) -> Outcome:
    """The same of the installation itself: every blob's bytes, the database's own check, the audit trail."""
    outcome = Outcome()
    if ctx.db.is_sqlite:
        outcome.problems += backup_folder.integrity(Path(str(ctx.db.url.database)))
    with ctx.db.read() as session:
        backup_folder.count_resources(session, outcome)
        outcome.blobs, outcome.bytes = backup_folder.referred(session)
    done = 0

    def seen(size: int) -> None:
        nonlocal done
        done += size
        advance(done, outcome.bytes)

    for check in (invariants.files, invariants.blobs_and_rows, invariants.audit_chain):
        outcome.problems += [f"{found.kind} {found.object}: {found.detail}" for found in check(ctx, seen)]
    return outcome


def _snapshot(db: Database, path: Path) -> None:
    """The whole database as of one moment, in one durable file; writers are not held up."""
    source = db.engine.raw_connection()
    try:
        with closing(sqlite3.connect(path)) as target:
            driver = source.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.backup(target)
    finally:
        source.close()
    backup_folder.settle(path)
    backup_folder.sync(path.parent)


def _copy(ctx: Context, sha256: str, path: Path, outcome: Outcome) -> bool:
    """Copy one blob and count it; bytes that are gone or wrong are a problem, and are left out."""
    digest, size = hashlib.sha256(), 0

    def chunks() -> Iterator[bytes]:
        nonlocal size
        with closing(ctx.store.read(BLOBS + sha256)) as read:
            for chunk in read:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

    try:
        backup_folder.write_durably(path, chunks())
    except ObjectMissing:
        outcome.problems.append(f"missing_blob {sha256}: the bytes are not in the store")
        return False
    if digest.hexdigest() != sha256:
        path.unlink()
        outcome.problems.append(f"wrong_bytes {sha256}: the bytes have the hash {digest.hexdigest()}")
        return False
    outcome.blobs += 1
    outcome.bytes += size
    return True


def _manifest(ctx: Context, folder: Path, outcome: Outcome) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "program": version("xuehai"),
        "revision": run.current(ctx.db),
        "created_at": ctx.clock().isoformat(),
        "resources": outcome.resources,
        "blobs": outcome.blobs,
        "bytes": outcome.bytes,
        "problems": outcome.problems,
        "sums_sha256": backup_folder.measure(folder / SUMS)[1],
    }
