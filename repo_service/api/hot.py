"""Public answers that many ask for are kept ready, as bytes, for as long as nothing was written to the database.

An answer is kept only where its route says so, for nobody in particular (no key, no session, no cookie set), and when
no commit fell between the question and the answer. Each request compares the stamp of the database first, one look that
takes microseconds on SQLite, so what is changed or withdrawn is never shown again, whichever process did it. What
follows the clock or another process's memory comes late by `LIFE_SECONDS` and `SETTLED_SECONDS` at most.
"""

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from repo_service.api.answers import matches
from repo_service.api.deps import COOKIE, KEEPING, Again, Keeping
from repo_service.api.frame import Traffic, request_id
from repo_service.db import Database
from repo_service.services.lexicon import FRESH_SECONDS

LIFE_SECONDS = 60.0  # a pin may end, a day may begin
SETTLED_SECONDS = FRESH_SECONDS + 0.5  # until words that a librarian changed are known in every process
ROOM = 32 * 2**20  # bytes of bodies, in each process
LARGEST = 512 * 1024  # of one body
ASKED_BY = frozenset(
    {b"host", b"accept-language", b"accept-encoding", b"cookie", b"hx-target"}
)  # what answers depend on
OWN_WAY = frozenset({b"authorization", b"range"})
_SESSION = COOKIE.encode()
_BODY_HEADERS = frozenset({b"content-length", b"content-type", b"content-encoding"})

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """What is sent, for one request as for the next; ``route`` is the one that made it."""

    headers: Headers
    body: bytes
    again: Again
    route: str
    until: float
    etag: str = ""
    unchanged: Headers = field(default_factory=list)

    def __post_init__(self) -> None:
        self.headers = [(name, value) for name, value in self.headers if name != b"x-request-id"]
        self.unchanged = [(name, value) for name, value in self.headers if name not in _BODY_HEADERS]
        self.etag = next((value.decode("latin-1") for name, value in self.headers if name == b"etag"), "")


class Kept:
    """Answers of one moment of the database, those asked for least recently the first to go. Not for threads."""

    def __init__(self) -> None:
        self._stamp: Hashable = None
        self._since = 0.0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, stamp: Hashable) -> Answer | None:
        """The answer to this question at this moment of the database."""
        now = time.monotonic()
        if stamp != self._stamp:
            self._answers.clear()
            self._size, self._stamp, self._since = 0, stamp, now
        found = self._answers.get(key)
        if found is not None and found.until <= now:
            self._drop(key)
            return None
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def put(self, key: Hashable, stamp: Hashable, answer: Answer) -> None:
        """Keep it, unless something was written since ``stamp`` was taken or a moment before."""
        if stamp != self._stamp or time.monotonic() < self._since + SETTLED_SECONDS:
            return
        self._drop(key)
        self._answers[key] = answer
        self._size += len(answer.body)
        while self._size > ROOM:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: Hashable) -> None:
        gone = self._answers.pop(key, None)
        if gone is not None:
            self._size -= len(gone.body)


class Hot:
    """ASGI middleware outside of `Frame`: what it keeps is complete, but for the id of the request.

    It writes no line for an answer out of its store; the metrics count them like all others.
    """

    def __init__(self, app: ASGIApp, *, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic
        self._kept = Kept()
        self._numbers: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = _Asked.of(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        db: Database = scope["app"].state.ctx.db
        stamp = await _stamp(db)
        found = self._kept.get(asked.key, stamp)
        if found is not None:
            await self._give(found, asked, scope, send, began)
            return
        keeping = scope[KEEPING] = Keeping()
        copy = _Copy(send)
        await self._app(scope, receive, copy.send)
        if keeping.again is None or not copy.keepable() or stamp != await _stamp(db):
            return
        route = getattr(scope.get("route"), "path", "other")
        until = time.monotonic() + LIFE_SECONDS
        self._kept.put(asked.key, stamp, Answer(copy.headers, bytes(copy.body), keeping.again, route, until))

    async def _give(self, found: Answer, asked: "_Asked", scope: Scope, send: Send, began: float) -> None:
        known = bool(found.etag) and asked.known != "" and matches(asked.known, found.etag)
        status, headers, body = (304, found.unchanged, b"") if known else (200, found.headers, found.body)
        sent = [*headers, (b"x-request-id", request_id(scope).encode())]
        found.again(asked.agent)
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})
        self._count(found.route, str(status), time.perf_counter() - began)

    def _count(self, route: str, status: str, seconds: float) -> None:
        numbers = self._numbers.get((route, status))
        if numbers is None:
            numbers = self._traffic.requests.labels("GET", route, status), self._traffic.seconds.labels(route)
            self._numbers[route, status] = numbers
        numbers[0].inc()
        numbers[1].observe(seconds)
        self._traffic.hot.inc()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of a request its answer depends on."""

    key: Hashable
    known: str
    agent: str

    @classmethod
    def of(cls, scope: Scope) -> "_Asked | None":
        """None for what is never kept: anything but GET, with a key, with a session, for a part."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        telling, known, agent = [], b"", b""
        for name, value in scope["headers"]:
            if name in ASKED_BY:
                if name == b"cookie" and _SESSION in value:
                    return None
                telling.append((name, value))
            elif name in OWN_WAY:
                return None
            elif name == b"if-none-match":
                known = value
            elif name == b"user-agent":
                agent = value
        key = scope["path"], scope["query_string"], tuple(telling)
        return cls(key, known.decode("latin-1"), agent.decode("latin-1"))


class _Copy:
    """An answer on its way out, with a copy as far as it is small enough to keep."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._ended = False
        self.headers: Headers = []
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        """Pass on a part of it."""
        if message["type"] == "http.response.start":
            self._status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            if len(self.body) <= LARGEST:
                self.body += message.get("body", b"")
            self._ended = not message.get("more_body", False)
        await self._send(message)

    def keepable(self) -> bool:
        """Whether it is whole, small, and the same for everybody who asks the same."""
        names = {name for name, _ in self.headers}
        return self._status == 200 and self._ended and len(self.body) <= LARGEST and b"set-cookie" not in names


async def _stamp(db: Database) -> Hashable:
    return db.stamp() if db.is_sqlite else await run_in_threadpool(db.stamp)
