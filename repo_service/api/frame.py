"""The frame around every request: its id, the host it may name, the headers that protect its answer, its trace."""

import ipaddress
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from repo_service.api import tus
from repo_service.api.deps import COOKIE, UPLOADS
from repo_service.api.errors import Refusal, answer_plain
from repo_service.models import new_id
from repo_service.settings import Settings

OPEN_TO_OTHERS = ("/api/v1/", "/media/", "/openapi.json", "/search/feed.atom", "/feed.atom")
OWN_HEAD = ("/media/", "/files")  # these answer HEAD themselves
BODY_BYTES = 2 * 2**20  # of anything but an upload
SECRET = (UPLOADS, "/search/digests")  # what follows is a secret
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is counted about requests, by route and never by address."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)

    def __post_init__(self) -> None:
        """Register both numbers."""
        labels = ("method", "route", "status")
        requests = Counter("xuehai_http_requests", "Requests answered", labels, registry=self.registry)
        seconds = Histogram("xuehai_http_seconds", "Seconds until the answer", ("route",), registry=self.registry)
        object.__setattr__(self, "requests", requests)
        object.__setattr__(self, "seconds", seconds)


def site_headers(settings: Settings, elsewhere: str = "") -> dict[str, str]:
    """Headers of every answer of the application's origin, where a route has none of its own.

    ``elsewhere`` is the origin that films and pictures may be redirected to.
    """
    others = f" {elsewhere}" if elsewhere else ""
    policy = (
        f"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:{others}; "
        f"media-src 'self' blob:{others}; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        f"frame-src 'self' {settings.content_url}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
    }
    if settings.public_url.startswith("https:"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class Frame:
    """ASGI middleware outside of all others, so that refusals and crashes have the same frame."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], headers: Mapping[str, str], traffic: Traffic) -> None:
        self._app = app
        self._hosts = hosts
        self._headers = headers
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._headers)
        with structlog.contextvars.bound_contextvars(request_id=exchange.id):
            try:
                refusal = self._refusal(scope)
                if refusal is None:
                    await self._app(scope, _bounded(scope, receive), exchange.send)
                else:
                    await answer_plain(Request(scope), refusal)(scope, receive, exchange.send)
            except Exception as error:
                _log.error("unforeseen", method=scope["method"], path=_loggable(scope["path"]), exc_info=error)
                if exchange.status:
                    raise  # half an answer is out: the connection has to break
                await answer_plain(Request(scope), Refusal(500, "internal"))(scope, receive, exchange.send)
            finally:
                self._note(scope, exchange)

    def _refusal(self, scope: Scope) -> Refusal | None:
        host = _host(scope)
        if host not in self._hosts and not _is_address(host):
            return Refusal(400, "unknown_host")
        size = Request(scope).headers.get("content-length", "0")
        if not scope["path"].startswith(UPLOADS) and (not size.isdecimal() or int(size) > BODY_BYTES):
            return Refusal(413, "too_large")
        return None

    def _note(self, scope: Scope, exchange: "_Exchange") -> None:
        route = getattr(scope.get("route"), "path", "other")
        seconds = time.perf_counter() - exchange.began
        self._traffic.requests.labels(exchange.method, route, str(exchange.status)).inc()
        self._traffic.seconds.labels(route).observe(seconds)
        _log.info(
            "request",
            method=exchange.method,
            path=_loggable(scope["path"]),
            status=exchange.status,
            ms=round(seconds * 1000, 1),
            address=scope["client"][0] if scope.get("client") else "",
        )


class Compression:
    """gzip for text, where nothing secret can be guessed from lengths: never beside a session, never on files."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packed = GZipMiddleware(app, minimum_size=1000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(OWN_HEAD) or COOKIE in Request(scope).cookies:
            await self._plain(scope, receive, send)
        else:
            await self._packed(scope, receive, send)


class _Exchange:
    """One request and the answer on its way out."""

    def __init__(self, scope: Scope, send: Send, headers: Mapping[str, str]) -> None:
        self.began = time.perf_counter()
        self.status = 0
        self.method = str(scope["method"])
        self.id = request_id(scope)
        scope["xuehai.request_id"] = self.id
        self._path = str(scope["path"])
        self._send = send
        self._headers = headers
        self._bodiless = self.method == "HEAD" and not self._path.startswith(OWN_HEAD)
        if self._bodiless:
            scope["method"] = "GET"  # every page and list answers HEAD as it answers GET

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer, with the headers that it lacks."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._complete(MutableHeaders(scope=message))
        elif self._bodiless and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    def _complete(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self.id
        if self.method in ("GET", "HEAD") and self._path.startswith(OPEN_TO_OTHERS):
            headers.setdefault("Access-Control-Allow-Origin", "*")
            headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
        for name, value in self._headers.items():
            headers.setdefault(name, value)


def _loggable(path: str) -> str:
    """The path without the secret of the address of an upload, or of what ends mail."""
    return next((f"{one}/…" for one in SECRET if path.startswith(f"{one}/") and len(path) > len(one) + 1), path)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """The body as far as it may go; the bytes of uploads are counted where they come in."""
    if scope["path"].startswith(UPLOADS) and tus.is_bytes(Request(scope).headers):
        return receive
    left = BODY_BYTES

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return counted


def hosts_of(*urls: str) -> frozenset[str]:
    """The host names that requests may be sent to; numeric addresses are always fine, nobody can rebind them."""
    return frozenset({"localhost", *((urlsplit(url).hostname or "") for url in urls)})


def request_id(scope: Scope) -> str:
    """The id that the client gave its request, or a new one."""
    return _given_id(scope) or new_id()


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            said = str(value.decode("latin-1"))
            return said if _ID.fullmatch(said) else None
    return None


def _host(scope: Scope) -> str:
    """The host name without port and brackets, in lower case."""
    for name, value in scope["headers"]:
        if name == b"host":
            try:
                return urlsplit(f"//{value.decode('latin-1')}").hostname or ""
            except ValueError:
                return ""
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
