"""The S3 server goes away in the middle of everything and comes back: clear refusals meanwhile, nothing is lost."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, update

from repo_service import wiring
from repo_service.context import Context
from repo_service.migrations import run
from repo_service.models import Job
from repo_service.policy import OPERATOR
from repo_service.services import accounts, doctor, processing
from repo_service.settings import Settings
from tests import support
from tests.repo_service.uploads.conftest import Answer, Client, serving
from tests.servers.base import free_port
from tests.servers.s3 import KEY, minio

TEXT = ("# 气焊安全\n\n" + "每次作业前检查回火防止器的水位。\n" * 40_000).encode()

pytestmark = pytest.mark.xdist_group("servers")


class Store:
    """A MinIO that can be taken away; the folder stays."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._running = contextlib.ExitStack()
        self.url = f"s3://{KEY}:a-secret-of-a-test@127.0.0.1:{self._port}/courses?secure=false"

    def come(self) -> None:
        self._running.enter_context(minio(self._folder, self._port, "a-secret-of-a-test"))

    def go(self) -> None:
        self._running.close()


@dataclass
class Site:
    """A served installation whose objects lie in ``store``; its address for one giver."""

    ctx: Context
    store: Store
    client: Client

    def read(self, address: str) -> Answer:
        """A file as scripts of a page fetch it: through the application."""
        login = {"Authorization": f"Bearer {self.client.key}", "Sec-Fetch-Mode": "cors"}
        return self.client.ask("GET", address, login, bare=True)

    def job(self) -> Job:
        """The one job."""
        with self.ctx.db.read() as session:
            return session.scalars(select(Job)).one()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = Store(tmp_path)
    ctx = wiring.build(Settings(data_dir=tmp_path / "data", storage_url=store.url), index_writer=True)
    run.upgrade(ctx.db)
    person = support.user(ctx, in_=support.institution(ctx))
    key = accounts.create_key(ctx, OPERATOR, email=person.email, scopes=("all",))[1]
    with serving(ctx) as port:
        yield Site(ctx, store, Client(port, key))
    ctx.close()
    store.go()


def is_refused(answer: Answer) -> bool:
    """Whether it says in a problem that the service is not available, and when to come again."""
    return (answer.status, answer.code) == (503, "unavailable") and int(answer.headers["retry-after"]) > 0


def test_an_upload_goes_on_where_it_was(site: Site) -> None:
    client, half = site.client, len(TEXT) // 2
    place = client.create(len(TEXT), filename="气焊安全.md").headers["location"]
    assert is_refused(client.patch(place, 0, TEXT[:half]))  # the service began without its store
    assert client.ask("HEAD", place).offset == 0
    site.store.come()
    assert client.patch(place, 0, TEXT[:half]).offset == half
    site.store.go()
    assert is_refused(client.patch(place, half, TEXT[half:]))
    site.store.come()
    offset = client.ask("HEAD", place).offset
    assert offset == half, "what was acknowledged is there, what was refused does not count"
    resource_id = client.patch(place, offset, TEXT[offset:]).headers["xuehai-resource"]
    assert site.read(f"/media/{resource_id}/1/given/{site.job().file_id}").body == TEXT


def test_a_step_is_done_again_without_having_failed(site: Site) -> None:
    site.store.come()
    resource_id = site.client.upload(TEXT, filename="气焊安全.md")
    address = f"/media/{resource_id}/1/given/{site.job().file_id}"
    site.store.go()
    assert processing.work_one(site.ctx, "test")
    job = site.job()
    assert (job.state, job.failures, job.interruptions) == ("ready", 0, 0)
    assert job.not_before is not None, "it is not asked again at once"
    assert is_refused(site.read(address))
    ready = site.client.ask("GET", "/readyz", bare=True)
    assert ready.status == 503
    assert [check["name"] for check in json.loads(ready.body)["checks"] if not check["ok"]] == ["store"]
    assert site.client.ask("GET", "/search?q=weld", {"Accept": "text/html"}, bare=True).status == 200
    site.store.come()
    with site.ctx.db.write() as session:
        session.execute(update(Job).values(not_before=None))
    support.settle(site.ctx)
    with site.ctx.db.read() as session:
        counted = {(job.state, job.failures, job.interruptions) for job in session.scalars(select(Job))}
    assert counted == {("done", 0, 0)}
    assert site.read(address).body == TEXT
    assert doctor.examine(site.ctx) == []
