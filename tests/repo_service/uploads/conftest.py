"""The application behind a real uvicorn on a loopback port, and a client that sends just the bytes it is told to."""

import base64
import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import pytest
import uvicorn
from sqlalchemy import select

from repo_service import wiring
from repo_service.app import create_app
from repo_service.context import Context
from repo_service.models import File, Institution, Job, Resource, Upload, User
from repo_service.policy import OPERATOR
from repo_service.services import accounts
from repo_service.settings import Settings
from tests import support
from tests.migrated import migrate
from tests.servers.databases import fresh_database

OCTETS = "application/offset+octet-stream"
Headers = Mapping[str, str]
NOTHING: Headers = MappingProxyType({})


def metadata(**said: str | bytes) -> str:
    """An ``Upload-Metadata`` header."""
    raw = ((key, value.encode() if isinstance(value, str) else value) for key, value in said.items())
    return ",".join(f"{key} {base64.b64encode(value).decode()}".strip() for key, value in raw)


@dataclass
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The stable code of a refusal."""
        assert self.headers["content-type"].startswith("application/problem+json"), self.body
        return str(orjson.loads(self.body)["code"])

    @property
    def offset(self) -> int:
        """How far the upload is."""
        return int(self.headers["upload-offset"])


@dataclass
class Client:
    """tus as bare requests: what a library would smooth over stays visible."""

    port: int
    key: str = ""
    host: str = "127.0.0.1"
    base: dict[str, str] = field(default_factory=lambda: {"Tus-Resumable": "1.0.0", "Accept-Language": "en"})

    def ask(
        self, method: str, path: str, headers: Headers = NOTHING, body: Any = None, *, bare: bool = False
    ) -> Answer:
        """One request. ``bare`` leaves the protocol's headers away."""
        wire = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            wire.request(method, path, body=body, headers={**({} if bare else self.base), **headers})
            answer = wire.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            wire.close()

    def create(self, length: int | None, headers: Headers = NOTHING, body: Any = None, **said: str | bytes) -> Answer:
        """Begin an upload; ``said`` are its metadata."""
        size = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        who = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        told = {"Upload-Metadata": metadata(**{"filename": "lesson.mp4", **said})}
        return self.ask("POST", "/files/", {**who, **size, **told, **headers}, body)

    def patch(self, address: str, offset: int, body: Any, headers: Headers = NOTHING) -> Answer:
        """Bring bytes."""
        sent = {"Content-Type": OCTETS, "Upload-Offset": str(offset), **headers}
        return self.ask("PATCH", address, sent, body)

    def upload(self, content: bytes, **said: str | bytes) -> str:
        """A whole upload; the id of its resource."""
        created = self.create(len(content), NOTHING, None, **said)
        assert created.status == 201, created.body
        answer = self.patch(created.headers["location"], 0, content)
        assert answer.status == 204, answer.body
        return answer.headers["xuehai-resource"]

    @contextmanager
    def wire(self, head: str, headers: Headers) -> Iterator[socket.socket]:
        """A connection on which only the head of a request was sent so far."""
        with socket.create_connection((self.host, self.port), timeout=30) as raw:
            lines = [head, f"Host: {self.host}", *(f"{k}: {v}" for k, v in {**self.base, **headers}.items())]
            raw.sendall("\r\n".join([*lines, "", ""]).encode())
            yield raw


@dataclass
class Site:
    """A running application, one institution, one uploader."""

    ctx: Context
    port: int
    home: Institution
    person: User
    client: Client

    def key_of(self, email: str, scopes: tuple[str, ...] = ("upload",)) -> str:
        """A new key of a person."""
        return accounts.create_key(self.ctx, OPERATOR, email=email, scopes=scopes)[1]

    def upload_row(self) -> Upload:
        """The newest upload."""
        with self.ctx.db.read() as session:
            return session.scalars(select(Upload).order_by(Upload.id.desc())).first() or pytest.fail("no upload")

    def files(self, resource_id: str) -> list[File]:
        """The given files of a resource, in order of their making."""
        with self.ctx.db.read() as session:
            return list(session.scalars(select(File).where(File.resource_id == resource_id).order_by(File.id)))

    def resources(self) -> list[Resource]:
        """All resources."""
        with self.ctx.db.read() as session:
            return list(session.scalars(select(Resource).order_by(Resource.id)))

    def jobs(self) -> list[Job]:
        """All jobs."""
        with self.ctx.db.read() as session:
            return list(session.scalars(select(Job)))

    def stored(self, file: File) -> bytes:
        """The bytes that the store has for a file."""
        return b"".join(self.ctx.store.read(f"blobs/{file.sha256}"))


@contextmanager
def serving(ctx: Context) -> Iterator[int]:
    """The application of ``ctx`` behind uvicorn in a thread; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(ctx), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What the condition answers as soon as it holds."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.02)
    return found


def installed(folder: Path, **settings: Any) -> Context:
    """An embedded installation, migrated, with an institution and an uploader."""
    ctx = wiring.build(Settings(data_dir=folder, **settings))
    migrate(ctx.db)
    support.user(ctx, in_=support.institution(ctx))
    return ctx


def site_of(ctx: Context, port: int) -> Site:
    """The site around an installation that is being served."""
    with ctx.db.read() as session:
        home = session.scalars(select(Institution)).one()
        person = session.scalars(select(User)).one()
    key = accounts.create_key(ctx, OPERATOR, email=person.email, scopes=("upload",))[1]
    return Site(ctx, port, home, person, Client(port, key))


def content(size: int, seed: int = 1) -> bytes:
    """Bytes that look like nothing, the same for the same seed."""
    block = hashlib.sha512(str(seed).encode()).digest()
    return (block * (size // 64 + 1))[:size]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, backend: str, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site that the tests of a module share: each makes its own uploads."""
    with fresh_database(request, backend) as url:
        ctx = installed(tmp_path_factory.mktemp("site") / "data", database_url=url)
        with serving(ctx) as port:
            yield site_of(ctx, port)
        ctx.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of the test's own."""
    ctx = installed(tmp_path / "data")
    with serving(ctx) as port:
        yield site_of(ctx, port)
    ctx.close()
