"""/media/…: the bytes of files at stable addresses, whole or in ranges. Rights are checked at each request."""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from repo_service.api.answers import UUID, matches, problems
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor
from repo_service.context import Context
from repo_service.errors import XuehaiError
from repo_service.models import File
from repo_service.policy import Actor
from repo_service.services.media import open_file
from repo_service.storage.port import Chunks, ObjectStore

router = APIRouter(tags=["media"])
ADDRESS = "/media/{resource_id}/{version}/{path:path}"
FAR_BYTES = 64 * 1024  # below, a second round trip costs more than the bytes
KEEP_SECONDS = 60  # what was withdrawn is gone from caches within a minute
_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_POINTS_TO_OTHERS = frozenset({"application/vnd.apple.mpegurl", "text/vtt"})
_PLAIN = re.compile(r"[^A-Za-z0-9 ._()+-]")
Version = Annotated[int, Path(ge=1, le=1_000_000)]
Tail = Annotated[str, Path(max_length=300, pattern=r"^[^\x00-\x1F\x7F]+$")]


class BadRange(XuehaiError):
    """No byte of the file is in the range that was asked for."""

    code = "bad_range"


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(first, last) byte of a Range header, None for the whole; several ranges are answered by the whole too.

    Raises BadRange with ``size`` when the range begins behind the end (RFC 9110 §14).
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise BadRange(size=size)
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise BadRange(size=size)
    return int(first), min(int(last), size - 1) if last else size - 1


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition with the name for old and new clients (RFC 6266, RFC 8187)."""
    plain = _PLAIN.sub("_", name)[:150] or "file"
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def deliver(
    request: Request, ctx: Context, file: File, *, inline: bool, public: bool, policy: str | None = None
) -> Response:
    """The bytes that the request asks for, or what stands for them: 304, a redirect to the store."""
    etag = f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Type": file.media_type,
        "Content-Disposition": disposition(file.name, inline=inline),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"public, max-age={KEEP_SECONDS}" if public else "private, no-store",
        "Content-Security-Policy": policy or _policy(file.media_type),
        "Vary": "Authorization, Cookie",
    }
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    if policy is None and _may_come_from_elsewhere(request, file, inline=inline):
        address = ctx.store.url(f"blobs/{file.sha256}", filename=file.name, media_type=file.media_type, inline=inline)
        if address is not None:
            return RedirectResponse(address, 307, headers={"Cache-Control": "no-store"})
    return _stream(request, ctx, file, headers)


def elsewhere(store: ObjectStore) -> str:
    """The origin that `deliver` redirects to, for the policy of the pages; empty when the store has none."""
    address = store.url(f"blobs/{'0' * 64}", filename="", media_type="", inline=True)
    return "{0.scheme}://{0.netloc}".format(urlsplit(address)) if address else ""


def _may_come_from_elsewhere(request: Request, file: File, *, inline: bool) -> bool:
    """Whether an address of the store does as well as the bytes themselves.

    Not for what is small, for what names other files relative to its own address, for what scripts fetch (the store
    would have to allow our origin), for HEAD (the address is signed for GET alone), nor to go on with what was begun
    here (the store's entity tags are others).
    """
    return (
        request.method != "HEAD"
        and "if-range" not in request.headers
        and request.headers.get("sec-fetch-mode") not in ("cors", "same-origin")
        and file.media_type not in _POINTS_TO_OTHERS
        and (file.size >= FAR_BYTES or not inline)
    )


def _stream(request: Request, ctx: Context, file: File, headers: Mapping[str, str]) -> Response:
    held = request.headers.get("if-range")
    asked = request.headers.get("range") if held is None or held.strip() == headers["ETag"] else None
    place = parse_range(asked, file.size)
    first, last = place or (0, file.size - 1)
    length = last - first + 1
    sent = {**headers, "Content-Length": str(length)}
    if place is not None:
        sent["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    status = 206 if place is not None else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=sent)
    return _Streaming(ctx.store.read(f"blobs/{file.sha256}", first, length), status, sent)


class _Streaming(StreamingResponse):
    """An answer that lets go of the bytes however it ends: a player breaks off most of what it asks for."""

    def __init__(self, chunks: Chunks, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(chunks, status, headers)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._chunks.close()


def _policy(media_type: str) -> str:
    """Nothing in these bytes may do anything; browsers refuse to show PDF in a sandbox, so that has the rest."""
    sandbox = "" if media_type == "application/pdf" else "; sandbox"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'{sandbox}"


def _answer(
    request: Request, ctx: Context, actor: Actor, resource_id: str, version: int, path: str, *, download: bool
) -> Response:
    file, inline = open_file(ctx, actor, resource_id, version, path, download=download)
    return deliver(request, ctx, file, inline=inline, public=file.resource.state == "published")


@router.get(
    ADDRESS,
    response_class=Response,
    responses={
        200: {"description": "The bytes", "content": {"*/*": {}}},
        206: {"description": "The range that was asked for", "content": {"*/*": {}}},
        304: {"description": "You hold it already"},
        307: {"description": "The bytes are at this address for a minute"},
        **problems(416),
    },
    dependencies=[PUBLIC_ROUTE],
)
def media(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    resource_id: Annotated[str, Path(pattern=UUID)],
    version: Version,
    path: Tail,
    download: Annotated[bool, Query(description="As an attachment")] = False,
) -> Response:
    """A file of a resource. The entity tag is its SHA-256."""
    return _answer(request, ctx, actor, resource_id, version, path, download=download)


@router.head(ADDRESS, include_in_schema=False, dependencies=[PUBLIC_ROUTE])
def media_head(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    resource_id: Annotated[str, Path(pattern=UUID)],
    version: Version,
    path: Tail,
    download: bool = False,
) -> Response:
    """What `media` would say, without the bytes."""
    return _answer(request, ctx, actor, resource_id, version, path, download=download)
