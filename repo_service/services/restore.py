"""A backup comes back into an installation that has no database yet. Everything in the folder is only data."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import delete, select, update

from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Conflict, Invalid, Misconfigured
from repo_service.migrations import run
from repo_service.models import Blob, File, IndexState, Job, Lease, Upload
from repo_service.policy import OPERATOR
from repo_service.services import audit, backup_folder
from repo_service.services.backup_folder import CHUNK, DATABASE, Advance, Outcome, silent
from repo_service.storage.port import STAGING

LOGS = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database; it plays them back into whatever lies there


def restore(ctx: Context, folder: Path, advance: Advance = silent) -> Outcome:
    """Bring back a backup; what is wrong with a blob is told, and the others come. The index is left to the caller.

    The database is moved into place last: an interrupted restore is simply begun again. Raises Conflict
    (``restore_not_empty``, with the file that lies there: a database, or the log that one left behind), Invalid
    (``backup_unreadable``, also for a database that is damaged), Misconfigured (a database of a newer program).
    """
    if not ctx.db.is_sqlite:
        raise Misconfigured("restore is for the embedded database")
    target = Path(str(ctx.db.url.database))
    held = next((path for path in (target, *_logs_of(target)) if path.exists()), None)
    if held is not None:
        raise Conflict(str(held), code="restore_not_empty")
    pairs, manifest = backup_folder.open_folder(folder)
    coming = target.with_name(target.name + ".restoring")
    _take_database(folder / DATABASE, coming, pairs[0][0])
    outcome = Outcome()
    for done, (sha256, place) in enumerate(pairs[1:], start=1):
        _give(ctx, sha256, folder / place, outcome)
        advance(done, len(pairs) - 1)
    _awaken(coming, outcome)
    backup_folder.settle(coming)
    os.replace(coming, target)
    backup_folder.sync(target.parent)
    with ctx.db.write() as session:
        made = str(manifest.get("created_at"))
        audit.record(session, ctx, OPERATOR.id, "installation.restore", made[:100], problems=len(outcome.problems))
    return outcome


def _logs_of(database: Path) -> list[Path]:
    return [database.with_name(database.name + log) for log in LOGS]


def _take_database(source: Path, coming: Path, sha256: str) -> None:
    for leftover in (coming, *_logs_of(coming)):
        leftover.unlink(missing_ok=True)
    with source.open("rb") as file:
        backup_folder.write_durably(coming, iter(lambda: file.read(CHUNK), b""))
    wrong = backup_folder.integrity(coming)
    if backup_folder.measure(coming)[1] != sha256:
        wrong.append(f"{DATABASE}: has other bytes than it had")
    if wrong:
        coming.unlink()
        raise Invalid("; ".join(wrong), code="backup_unreadable")


def _give(ctx: Context, sha256: str, path: Path, outcome: Outcome) -> None:
    """Put one blob into the store under the hash that it really has, or tell why not."""
    staged = f"restore-{sha256}"
    digest = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                yield chunk

    try:
        size = ctx.store.write(staged, 0, chunks())
    except OSError as error:
        outcome.problems.append(f"{path.name}: {error.strerror}")
        ctx.store.delete(STAGING + staged)
        return
    if digest.hexdigest() != sha256:
        ctx.store.delete(STAGING + staged)
        outcome.problems.append(f"{path.name}: has other bytes than it had")
        return
    ctx.store.keep(staged, sha256)
    outcome.blobs += 1
    outcome.bytes += size


def _awaken(path: Path, outcome: Outcome) -> None:
    """Bring the snapshot to today's schema, and end what was under way when it was taken."""
    with closing(Database(f"sqlite:///{path}")) as db:
        run.upgrade(db)
        with db.write() as session:
            backup_folder.count_resources(session, outcome)
            session.execute(delete(Lease))
            session.execute(delete(IndexState))
            session.execute(delete(Blob).where(Blob.sha256.not_in(select(File.sha256))))
            session.execute(update(Upload).where(Upload.state.in_(("open", "finishing"))).values(state="expired"))
            idle = {"state": "ready", "worker": "", "lease_until": None, "fence": Job.fence + 1}
            session.execute(update(Job).where(Job.state == "running").values(idle))
