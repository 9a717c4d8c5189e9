"""Reading and writing the HTTP parts that many routes share: entity tags, Link headers, answers of ready bytes."""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from repo_service.api.errors import MEDIA_TYPE
from repo_service.errors import RevisionRequired
from repo_service.services.paging import CURSOR_LENGTH, DEFAULT_LIMIT, MAX_LIMIT, Page

UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
Id = Annotated[str, Path(pattern=UUID, description="UUIDv7")]
Cursor = Annotated[str | None, Query(max_length=CURSOR_LENGTH, description="`next_cursor` of the page before; opaque")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page")]
LIMIT = DEFAULT_LIMIT
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_REVISION = re.compile(r"[0-9]{1,9}")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals that a route declares, for OpenAPI. Those that any route may give are among them."""
    every = sorted({400, 401, 403, 404, 422, 429, 503, *statuses})
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": _REASONS[status], "content": {MEDIA_TYPE: schema}} for status in every}


def opaque_tag(body: bytes) -> str:
    """An entity tag of bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(request: Request, model: BaseModel, *, personal: bool, etag: str | None = None, **headers: str) -> Response:
    """A model as JSON with its entity tag; 304 when a visitor holds it already.

    What depends on who asks (``personal``) is never kept by anybody and never answered with 304: jobs move on without
    a new revision.
    """
    body = model.model_dump_json().encode()
    etag = etag or opaque_tag(body)
    sent = {
        "ETag": etag,
        "Cache-Control": "private, no-store" if personal else "public, no-cache",
        "Vary": "Authorization, Cookie, Accept-Language",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    if not personal and matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=sent)
    return Response(body, media_type="application/json", headers=sent)


def page(request: Request, found: Page[Any], *, personal: bool = False) -> Response:
    """A page of a list with its ``Link`` headers (RFC 8288)."""
    links = [f'<{request.url.path}>; rel="first"']
    if found.next_cursor is not None:
        following = request.url.include_query_params(cursor=found.next_cursor)
        links.append(f'<{following.path}?{following.query}>; rel="next"')
    return answer(request, found, personal=personal, Link=", ".join(links))


def matches(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names this tag, by weak comparison (RFC 9110 §13.1.2)."""
    if header is None:
        return False
    return header.strip() == "*" or etag.removeprefix("W/") in {f'"{tag}"' for _, tag in _TAG.findall(header)}


def revisions(header: str | None) -> frozenset[int] | None:
    """The revisions that If-Match names, None for ``*``; tags that are none of ours, weak ones too, match nothing.

    Raises RevisionRequired when there is no header.
    """
    if header is None or not header.strip():
        raise RevisionRequired()
    if header.strip() == "*":
        return None
    return ours(tag for weak, tag in _TAG.findall(header) if not weak)


def ours(tags: Iterable[str]) -> frozenset[int]:
    """The revisions among these; what is none of ours matches nothing."""
    return frozenset(int(tag) for tag in tags if _REVISION.fullmatch(tag))


def revision_tag(metadata_rev: int) -> str:
    """The entity tag that editors of a thing get."""
    return f'"{metadata_rev}"'


_REASONS = {
    400: "The request cannot be understood",
    401: "Sign in, or send a key",
    403: "Known to you, but not yours to do",
    404: "Not there, or not for you to know",
    409: "Its state does not allow this; the code says why",
    410: "It was here and has ended",
    412: "Based on another revision than the current one",
    413: "Too large",
    415: "A type that is not taken",
    416: "No such range of bytes",
    422: "Some fields are wrong; `errors` lists them",
    428: "Send If-Match",
    429: "Too many tries; Retry-After says when",
    503: "A part is away; nothing is lost, try again",
}
