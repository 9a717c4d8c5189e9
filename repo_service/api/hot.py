"""Public answers that many ask for are kept ready, as bytes, for as long as nothing was written to the database.

An answer is kept only where its route says so, for nobody in particular (no key, no session, no cookie set), and when
no commit fell between the question and the answer. Each request compares the stamp of the database first, one look that
takes microseconds on SQLite, so what is changed or withdrawn is never shown again, whichever process did it. What
follows the clock or another process's memory comes late by `LIFE_SECONDS` and `SETTLED_SECONDS` at most.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from fastapi import FastAPI
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

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
_START, _BODY = "http.response.start", "http.response.body"
_SESSION = COOKIE.encode()
_BODY_HEADERS = frozenset({b"content-length", b"content-type", b"content-encoding"})

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """What is sent, for one request as for the next; ``route`` is the one that made it."""

    headers: Headers
    body: bytes
    again: Again | None
    route: str
    until: float
    etag: bytes = b""
    unchanged: Headers = field(default_factory=list)

    def __post_init__(self) -> None:
        self.headers = [(name, value) for name, value in self.headers if name != b"x-request-id"]
        self.unchanged = [(name, value) for name, value in self.headers if name not in _BODY_HEADERS]
        self.etag = next((value for name, value in self.headers if name == b"etag"), b"")

    def messages(self, known: bytes) -> tuple[Message, Message]:
        """What is sent: all of it, or that one of the ``known`` tags (If-None-Match) is still right."""
        if (
            known
            and self.etag
            and (known == self.etag or matches(known.decode("latin-1"), self.etag.decode("latin-1")))
        ):
            return {"type": _START, "status": 304, "headers": self.unchanged.copy()}, {"type": _BODY}
        return {"type": _START, "status": 200, "headers": self.headers.copy()}, {"type": _BODY, "body": self.body}


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
    """The ASGI application outside of all others: what it keeps is complete, but for the id of the request.

    A ready answer has to cost little more than its bytes: it gets no line in the log and no place in the histogram, and
    the metrics count it where they are read.
    """

    def __init__(self, app: FastAPI) -> None:
        """``app`` is what `create_app` made."""
        self._app = app
        self._kept = Kept()
        self._stamp: Hashable = None
        self._given: Counter[tuple[str, int]] = Counter()
        traffic: Traffic = app.state.traffic
        traffic.registry.register(_Given(self._given))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = _asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        key, known, agent = asked
        db: Database = self._app.state.ctx.db
        stamp = self._stamp or await self._look(db)
        found = self._kept.get(key, stamp)
        if found is not None:
            if found.again is not None:
                found.again(agent.decode("latin-1"))
            start, body = found.messages(known)
            start["headers"].append((b"x-request-id", request_id(scope).encode()))
            self._given[found.route, start["status"]] += 1
            await send(start)
            await send(body)
            return
        keeping = scope[KEEPING] = Keeping()
        copy = _Copy(send)
        await self._app(scope, receive, copy.send)
        if not keeping.allowed or not copy.keepable() or stamp != await self._look(db):
            return
        route = getattr(scope.get("route"), "path", "other")
        until = time.monotonic() + LIFE_SECONDS
        self._kept.put(key, stamp, Answer(copy.headers, bytes(copy.body), keeping.again, route, until))

    async def _look(self, db: Database) -> Hashable:
        """The stamp. On SQLite it also serves the requests that wait already: those that came before the look."""
        if not db.is_sqlite:
            return await run_in_threadpool(db.stamp)
        self._stamp = db.stamp()
        asyncio.get_running_loop().call_soon(self._forget)
        return self._stamp

    def _forget(self) -> None:
        self._stamp = None


class _Given(Collector):
    """How many ready answers were given."""

    def __init__(self, given: Counter[tuple[str, int]]) -> None:
        self._given = given

    def collect(self) -> Iterator[Metric]:
        """By route and status."""
        family = CounterMetricFamily("xuehai_http_hot", "Answers that were kept ready", labels=("route", "status"))
        for (route, status), number in list(self._given.items()):
            family.add_metric((route, str(status)), number)
        yield family


def _asked(scope: Scope) -> tuple[Hashable, bytes, bytes] | None:
    """What an answer depends on, the tags that the reader holds, and the User-Agent.

    None for what is never kept: anything but GET, with a key, with a session, for a part.
    """
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    key = [scope["path"], scope["query_string"]]
    known = agent = b""
    for name, value in scope["headers"]:
        if name in ASKED_BY:
            if name == b"cookie" and _SESSION in value:
                return None
            key += name, value
        elif name in OWN_WAY:
            return None
        elif name == b"if-none-match":
            known = value
        elif name == b"user-agent":
            agent = value
    return tuple(key), known, agent


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
        if message["type"] == _START:
            self._status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == _BODY:
            if len(self.body) <= LARGEST:
                self.body += message.get("body", b"")
            self._ended = not message.get("more_body", False)
        await self._send(message)

    def keepable(self) -> bool:
        """Whether it is whole, small, and the same for everybody who asks the same."""
        names = {name for name, _ in self.headers}
        return self._status == 200 and self._ended and len(self.body) <= LARGEST and b"set-cookie" not in names
