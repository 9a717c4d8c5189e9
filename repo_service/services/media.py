"""Which bytes of a resource a person may have, and whether a browser may show them in place."""

from contextlib import closing

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from repo_service.context import Context
from repo_service.errors import Forbidden, NotFound
from repo_service.models import File, Resource
from repo_service.policy import Actor, can
from repo_service.services.versions import shown
from repo_service.vocab import DOWNLOADABLE

# Types that a browser shows on the application's origin. HTML and SVG are never among them: they can hold scripts.
INLINE = frozenset(
    {
        "application/pdf",
        "application/vnd.apple.mpegurl",
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "text/vtt",
        "video/iso.segment",
        "video/mp4",
        "video/ogg",
        "video/webm",
    }
)
# Given files that may be read in place although their licence allows no copies: there is no other way to show them.
READ_IN_PLACE = frozenset({"application/pdf", "image/jpeg", "image/png", "image/webp"})
TEXT_LIMIT = 5 * 2**20


def open_file(
    ctx: Context, actor: Actor, resource_id: str, version: int, path: str, *, download: bool = False
) -> tuple[File, bool]:
    """The file at this address and whether it may be shown in place; the bytes are ``blobs/{file.sha256}``.

    Raises NotFound for what is not there or not for this actor, Forbidden ``no_download`` where the licence allows
    only looking.
    """
    with ctx.db.read() as session:
        file = _file(session, resource_id, version, path)
    if file is None:
        raise NotFound(code="file_not_found")
    resource = file.resource
    desk = can(actor, "resource.read", institution_id=resource.institution_id, owner_id=resource.created_by)
    if not desk:
        if not _public(ctx, resource, version):
            raise NotFound(code="file_not_found")
        if resource.licence not in DOWNLOADABLE and (download or _copy_only(file)):
            raise Forbidden(code="no_download")
    return file, file.media_type.partition(";")[0].strip().lower() in INLINE and not download


def read_text(ctx: Context, actor: Actor, resource_id: str, version: int, path: str) -> str:
    """The text of a small product, such as a reading view; errors as `open_file`, which decides about rights."""
    file, _ = open_file(ctx, actor, resource_id, version, path)
    with closing(ctx.store.read(f"blobs/{file.sha256}", 0, TEXT_LIMIT)) as chunks:
        return b"".join(chunks).decode("utf-8", "replace")


def _public(ctx: Context, resource: Resource, version: int) -> bool:
    """Only what is served, and for a while what was: an older version may be one that was never published."""
    return resource.state == "published" and version in shown(ctx, resource)


def _copy_only(file: File) -> bool:
    """Whether giving these bytes out is giving the work away: sources and attachments, but not what is made to show."""
    if file.source_id is not None or file.role in ("captions", "cover"):
        return False
    return file.media_type not in READ_IN_PLACE


def _file(session: Session, resource_id: str, version: int, path: str) -> File | None:
    here = (File.resource_id == resource_id, File.version == version, File.path == path)
    return session.scalar(select(File).where(*here).options(joinedload(File.resource)))
