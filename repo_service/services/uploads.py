"""Resumable uploads: a row says how many bytes are durable, the store holds them under ``staging/ID``.

The secret in an upload's address suffices for this one upload, also when the login has ended, for as long as its giver
may still give to the institution. ``fence`` rises with each writer: the newest wins, an older one learns it at its
next batch. An upload that has all its bytes is ``finishing`` until its rows are committed; that step may be repeated
by anybody, any number of times.
"""

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import (
    Conflict,
    Invalid,
    LostLease,
    NotFound,
    TooLarge,
    Unauthenticated,
    UploadEnded,
    XuehaiError,
)
from repo_service.models import Institution, Upload, new_id
from repo_service.policy import Actor
from repo_service.services import blobs, deposits, filenames
from repo_service.services import upload_rules as rules
from repo_service.services.upload_rules import Announced
from repo_service.storage.port import STAGING, StorageError, stat

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Writer:
    """The right to extend one upload from ``offset``, until a newer one is taken. ``length`` None: still unknown."""

    upload_id: str
    fence: int
    offset: int
    length: int | None
    contested: bool = False  # an earlier writer did not end well: only the stored bytes tell what they are


def begin(ctx: Context, actor: Actor, announced: Announced) -> tuple[Upload, str]:
    """Make the row of a new upload; answer it and the secret of its address, which is kept as a hash only.

    Raises Unauthenticated, Forbidden, NotFound (an institution or resource that is not there for this actor), TooLarge
    (file or quota), UnsupportedType, Invalid.
    """
    if actor.anonymous:
        raise Unauthenticated
    rules.check_declared(ctx, announced)
    secret = secrets.token_urlsafe(32)
    with ctx.db.write() as session:
        institution = rules.destination(session, actor, announced)
        rules.check_room(session, ctx, institution, announced.length or 0)
        rules.check_count(session, actor)
        upload = Upload(
            id=new_id(),
            secret_sha256=_digest(secret),
            institution_id=institution.id,
            user_id=actor.person,
            resource_id=announced.resource_id,
            state="open",
            length=announced.length,
            filename=filenames.clean(announced.filename),
            filetype=announced.filetype[:120],
            role=announced.role,
            attributes=_attributes(announced),
            created_at=ctx.clock(),
            expires_at=_expiry(ctx),
        )
        session.add(upload)
    return upload, secret


def find(ctx: Context, secret: str) -> Upload:
    """The upload of this address. Raises NotFound, or UploadEnded when it ended without becoming a file."""
    with ctx.db.read() as session:
        upload = _alive(session, ctx, secret)
    if upload.state == "open" and upload.offset and upload.attributes.get("contested"):
        return _no_further_than_stored(ctx, upload)
    return upload


def take(ctx: Context, secret: str, offset: int, length: int | None = None, size: int | None = None) -> Writer:
    """Become the one writer of an upload, at exactly the offset that it has; an older writer loses the right.

    ``length`` fixes a length that was deferred, ``size`` is that of the body to come. Raises Conflict (another offset,
    or complete already), TooLarge (also for a body that goes beyond the length), Invalid (another length than before).
    """
    with ctx.db.write() as session:
        upload = _alive(session, ctx, secret, lock=True)
        if offset != upload.offset or upload.state != "open":
            raise Conflict(code="upload_offset_mismatch", offset=upload.offset)
        if length is not None:
            rules.fix_length(session, ctx, upload, length)
        if upload.length is not None and offset + (size or 0) > upload.length:
            raise TooLarge(code="upload_overflow", limit=upload.length)
        contested = bool(upload.attributes.get("contested") or upload.attributes.get("writing"))
        upload.fence += 1
        upload.attributes = {**upload.attributes, "writing": True, "contested": contested}
        return Writer(upload.id, upload.fence, upload.offset, upload.length, contested)


def may_write(ctx: Context, writer: Writer) -> None:
    """Raises LostLease when a newer writer has come or the upload has ended, UploadEnded when it failed."""
    with ctx.db.read() as session:
        _held(session, writer)


def append(ctx: Context, writer: Writer, offset: int, chunks: Iterable[bytes]) -> int:
    """Put bytes behind ``offset`` into the store; answer the offset behind them. `record` lets them count."""
    return ctx.store.write(writer.upload_id, offset, chunks)


def record(ctx: Context, writer: Writer, offset: int, *, last: bool) -> Upload:
    """Let the durable bytes up to ``offset`` count; answer the row. Raises LostLease.

    ``last``: this writer is through, and knows what it stored. Raises TooLarge ``quota_exceeded`` when an upload that
    did not say its length goes beyond the quota; it ends then.
    """
    over: TooLarge | None = None
    with ctx.db.write() as session:
        upload = _held(session, writer, lock=True)
        upload.offset = offset
        if upload.length is None:
            try:
                rules.check_room(session, ctx, session.get_one(Institution, upload.institution_id), 0)
            except TooLarge as refusal:
                over, upload.state, upload.error_code = refusal, "failed", refusal.stable_code
        upload.expires_at = _expiry(ctx)
        if last:
            upload.attributes = {**upload.attributes, "writing": False}
        if offset == upload.length:
            upload.state = "finishing"
    if over is not None:
        ctx.store.delete(STAGING + upload.id)
        raise over
    return upload


def finish(ctx: Context, upload_id: str, sha256: str | None = None) -> str:
    """Make a file of an upload that has all its bytes; answer the resource's id. Idempotent.

    ``sha256`` when the caller hashed every byte on the way in; otherwise the stored bytes are hashed. Raises
    Conflict when bytes are missing; a refusal of `deposits.place` ends the upload as failed and is raised.
    """
    with ctx.db.read() as session:
        upload = session.get(Upload, upload_id)
    if upload is None:
        raise NotFound
    if upload.state == "done" and upload.resource_id:
        return upload.resource_id
    if upload.state != "finishing":
        raise Conflict(code="upload_incomplete", offset=upload.offset)
    digest = upload.attributes.get("sha256") or write_down_hash(ctx, upload, sha256)
    blobs.announce(ctx, [digest])
    ctx.store.keep(upload.id, digest)
    try:
        resource_id, file_id = _place(ctx, upload.id, digest)
    except XuehaiError as refusal:
        _fail(ctx, upload.id, refusal.stable_code)
        raise
    except DataError:  # something of it fits into no column, today or tomorrow
        _fail(ctx, upload.id, Invalid.code)
        raise Invalid from None
    deposits.announce(ctx, file_id)
    return resource_id


def terminate(ctx: Context, secret: str) -> None:
    """End an upload at its giver's wish and free its bytes. What became a file stays: it is the resource's now."""
    with ctx.db.write() as session:
        upload = _alive(session, ctx, secret, lock=True)
        upload.state, upload.fence = "terminated", upload.fence + 1
    ctx.store.delete(STAGING + upload.id)


def expire(ctx: Context, limit: int = 200) -> int:
    """End unfinished uploads whose time is over and free their bytes; answer how many."""
    over = (
        select(Upload).where(Upload.state == "open", Upload.expires_at < ctx.clock()).order_by(Upload.id).limit(limit)
    )
    with ctx.db.read() as session:  # where there is none, the write lock is left alone
        if session.scalar(over.limit(1)) is None:
            return 0
    with ctx.db.write() as session:
        late = session.scalars(over.with_for_update(skip_locked=True)).all()
        for upload in late:
            upload.state, upload.fence = "expired", upload.fence + 1
    for upload in late:
        ctx.store.delete(STAGING + upload.id)
    return len(late)


def finish_stuck(ctx: Context, older_than: float = 60.0, limit: int = 20) -> int:
    """Finish uploads that have all their bytes and that nobody finishes, after a crash; answer how many ended.

    ``older_than`` seconds keep it away from those that a running request is about to finish. One whose bytes the store
    does not give now stays, behind the others: its place may be unmounted, and come back.
    """
    before = ctx.clock() + timedelta(seconds=ctx.settings.upload_expire_seconds - older_than)
    with ctx.db.read() as session:
        stuck = session.scalars(
            select(Upload.id)
            .where(Upload.state == "finishing", Upload.expires_at < before)
            .order_by(Upload.expires_at)
            .limit(limit)
        ).all()
    ended = 0
    for upload_id in stuck:
        try:
            with suppress(XuehaiError):  # refused for good: the row says failed and why
                finish(ctx, upload_id)
            ended += 1
        except StorageError as error:
            _log.warning("upload_not_finished", upload=upload_id, error=type(error).__name__)
            _move_back(ctx, upload_id)
    return ended


def _move_back(ctx: Context, upload_id: str) -> None:
    with ctx.db.write() as session:
        waiting = (Upload.id == upload_id, Upload.state == "finishing")
        session.execute(update(Upload).where(*waiting).values(expires_at=_expiry(ctx)))


def _alive(session: Session, ctx: Context, secret: str, *, lock: bool = False) -> Upload:
    query = select(Upload).where(Upload.secret_sha256 == _digest(secret))
    upload = session.scalar(query.with_for_update() if lock else query)
    if upload is None:
        raise NotFound(code="upload_not_found")
    if upload.state in ("terminated", "expired", "failed"):
        raise _ended(upload)
    if upload.state == "open" and upload.expires_at < ctx.clock():
        raise UploadEnded(code="upload_expired", state="expired")
    if not rules.entitled(session, upload):
        raise UploadEnded(code="membership_ended", state=upload.state)
    return upload


def _ended(upload: Upload) -> UploadEnded:
    """That it became no file, and why where that is known."""
    return UploadEnded(code=upload.error_code or "upload_ended", state=upload.state)


def _expiry(ctx: Context) -> datetime:
    return ctx.clock() + timedelta(seconds=ctx.settings.upload_expire_seconds)


def _held(session: Session, writer: Writer, *, lock: bool = False) -> Upload:
    upload = session.get(Upload, writer.upload_id, with_for_update=lock)
    if upload is not None and upload.state == "failed":
        raise _ended(upload)
    if upload is None or upload.fence != writer.fence or upload.state != "open":
        raise LostLease(code="upload_taken_over")
    return upload


def _attributes(announced: Announced) -> dict[str, Any]:
    said = {
        "folder": deposits.folder_mark(announced.folder),
        "title": filenames.line(announced.title),
        "replaces": announced.replaces,
        "echo": announced.echo,
    }
    return {name: value for name, value in said.items() if value}


def _no_further_than_stored(ctx: Context, upload: Upload) -> Upload:
    """Go back to what the store has: an outrun writer of another process may have cut off what a newer one brought."""
    stored = stat(ctx.store, STAGING + upload.id)
    size = stored.size if stored else 0
    if size >= upload.offset:
        return upload
    with ctx.db.write() as session:
        row = session.get_one(Upload, upload.id, with_for_update=True)
        if row.fence == upload.fence and row.state == "open":
            row.offset = min(row.offset, size)
    return row


def write_down_hash(ctx: Context, upload: Upload, sha256: str | None) -> str:
    """The hash of the staged bytes, written down before they move to the name that it gives them."""
    if sha256 is None or upload.attributes.get("contested"):
        digest = hashlib.sha256()
        with closing(ctx.store.read(STAGING + upload.id)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
        sha256 = digest.hexdigest()
    with ctx.db.write() as session:
        row = session.get_one(Upload, upload.id)
        row.attributes = {**row.attributes, "sha256": row.attributes.get("sha256") or sha256}
        return str(row.attributes["sha256"])


def _place(ctx: Context, upload_id: str, sha256: str) -> tuple[str, str]:
    """Commit the rows; answer the ids of resource and file. Whoever comes second finds them made."""
    with ctx.db.write() as session:
        upload = session.get_one(Upload, upload_id, with_for_update=True)
        if upload.state == "done" and upload.resource_id and upload.file_id:
            return upload.resource_id, upload.file_id
        if upload.state != "finishing":  # its giver ended it while its bytes were hashed
            raise _ended(upload)
        if not rules.entitled(session, upload):
            raise UploadEnded(code="membership_ended", state=upload.state)
        file = deposits.place(
            session,
            ctx,
            deposits.Given(
                institution_id=upload.institution_id,
                user_id=upload.user_id,
                who=upload.user_id or "operator",
                sha256=sha256,
                size=upload.offset,
                name=upload.filename,
                role=upload.role,
                folder=upload.attributes.get("folder", ""),
                fields={"title": title} if (title := upload.attributes.get("title")) else {},
                resource_id=upload.resource_id,
                replaces=upload.attributes.get("replaces"),
            ),
        )
        upload.state, upload.resource_id, upload.file_id = "done", file.resource_id, file.id
        return file.resource_id, file.id


def _fail(ctx: Context, upload_id: str, code: str) -> None:
    with ctx.db.write() as session:
        session.execute(
            update(Upload)
            .where(Upload.id == upload_id, Upload.state == "finishing")
            .values(state="failed", error_code=code)
        )
    ctx.store.delete(STAGING + upload_id)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
