"""The one table from our errors to HTTP, and the one form of a refusal: RFC 9457 for programs, a page for people."""

import http
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from repo_service import errors
from repo_service.api import deps
from repo_service.storage.port import ObjectMissing, StorageError
from repo_service.web.messages import ALL, sentence
from search.errors import SearchUnavailable

# error: status. Walked by ancestry: a subclass without a row of its own has its parent's.
TABLE: dict[type[Exception], int] = {
    errors.NotFound: 404,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Invalid: 422,
    errors.Conflict: 409,
    errors.StaleRevision: 412,
    errors.RevisionRequired: 428,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    errors.UploadEnded: 410,
    errors.WrongChecksum: 460,  # tus 1.0, checksum extension
    errors.WrongProtocol: 412,  # tus 1.0
    errors.Stalled: 408,
    errors.LostLease: 409,
    errors.XuehaiError: 500,
    ObjectMissing: 503,
    StorageError: 503,
    SearchUnavailable: 503,
    OperationalError: 503,
    IntegrityError: 409,  # somebody else was faster with the same name or key
    DataError: 422,  # what no column can hold: a NUL, a number beyond all bounds
}
# codes that have another status than their class: the request cannot be understood at all
BY_CODE = {
    "bad_cursor": 400,
    "too_deep": 400,
    "stale_cursor": 400,
    "upload_header": 400,
    "checksum_algorithm": 400,
    "bad_range": 416,
}
FRAMEWORK = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_type"}
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
_log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    code: str
    detail: str


class Problem(BaseModel):
    """A refusal as RFC 9457 has it: ``code`` is stable, ``title`` is in the language of the request."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError]
    request_id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What went wrong, before it is put into words."""

    status: int
    code: str
    detail: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    fields: tuple[tuple[str, str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal_of(error: Exception) -> Refusal:
    """The row of the table for an error, with its facts."""
    status = next((TABLE[parent] for parent in type(error).__mro__ if parent in TABLE), 500)
    if not isinstance(error, errors.XuehaiError):
        code = {409: "conflict", 422: "invalid", 503: "unavailable"}.get(status, "internal")
        return Refusal(status, code, headers=_headers(status, error))
    fields = error.errors if isinstance(error, errors.Invalid) else ()
    code = error.stable_code
    status = BY_CODE.get(code, status)
    return Refusal(status, code, error.detail, error.facts, fields, _headers(status, error))


def problem_of(request: Request, refusal: Refusal) -> Problem:
    """A refusal in the language of the request."""
    locale = deps.locale(request)
    return Problem(
        type=f"/docs#{refusal.code}",
        title=sentence(refusal.code, locale, **refusal.facts),
        status=refusal.status,
        code=refusal.code,
        detail=_clean(refusal.detail),
        errors=[
            FieldError(field=_clean(name), code=code, detail=sentence(code, locale) if code in ALL else _clean(said))
            for name, code, said in refusal.fields
        ],
        request_id=request_id(request),
    )


def problem(request: Request, error: Exception) -> JSONResponse:
    """The answer to a program for one of our errors."""
    return _json(request, refusal_of(error))


def request_id(request: Request) -> str:
    """The id under which this request is in the log."""
    return str(request.scope.get("xuehai.request_id", ""))


Page = Callable[[Request, Problem], Response]


def answer_plain(request: Request, refusal: Refusal) -> JSONResponse:
    """A refusal from outside of the application, where no page can be drawn."""
    return _json(request, refusal)


def install(app: FastAPI, page: Page) -> None:
    """Make every error of the application one of the two forms; ``page`` draws the one for people."""

    def answer(request: Request, refusal: Refusal) -> Response:
        if not wants_page(request):
            return _json(request, refusal)
        response = page(request, problem_of(request, refusal))
        response.headers.update(refusal.headers)
        return response

    def ours(request: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        if refusal.status >= 500:
            _log.error("failed", request_id=request_id(request), exc_info=error)
        return answer(request, refusal)

    def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = FRAMEWORK.get(error.status_code, "error")
        detail = "" if error.detail == _phrase(error.status_code) else str(error.detail)
        return answer(request, Refusal(error.status_code, code, detail, headers=error.headers or {}))

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = tuple((_place(one["loc"]), str(one["type"]), str(one["msg"])) for one in error.errors())
        malformed = any(one["type"] == "json_invalid" for one in error.errors())
        return answer(request, Refusal(400 if malformed else 422, "invalid", fields=fields))

    for kind in (errors.XuehaiError, StorageError, SearchUnavailable, OperationalError, IntegrityError, DataError):
        app.add_exception_handler(kind, ours)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(RequestValidationError, invalid)


def wants_page(request: Request) -> bool:
    """Whether a person asks, with a browser, outside of the addresses that are for programs."""
    if request.url.path.startswith(("/api/", "/files/")):
        return False
    return "text/html" in request.headers.get("accept", "")


def _json(request: Request, refusal: Refusal) -> JSONResponse:
    body: dict[str, Any] = problem_of(request, refusal).model_dump()
    facts = {name: value for name, value in refusal.facts.items() if name not in body}
    headers = {"Cache-Control": "no-store", "Content-Language": deps.locale(request), **refusal.headers}
    return JSONResponse(body | jsonable_encoder(facts), refusal.status, headers, MEDIA_TYPE)


def _headers(status: int, error: Exception) -> dict[str, str]:
    if isinstance(error, errors.TooMany):
        return {"Retry-After": str(max(1, round(error.retry_after)))}
    if status == 503:
        return {"Retry-After": str(RETRY_SECONDS)}
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="xuehai"'}
    if status == 416:
        return (
            {"Content-Range": f"bytes */{error.facts.get('size', '*')}"}
            if isinstance(error, errors.XuehaiError)
            else {}
        )
    return {}


def _place(location: tuple[int | str, ...]) -> str:
    """``body.subjects.0`` as people write it; the first part says where: query, path, header, body."""
    return ".".join(str(part) for part in location)


def _clean(text: str) -> str:
    """What came from outside may hold halves of characters that no encoding can carry."""
    return text.encode("utf-8", "replace").decode()


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
