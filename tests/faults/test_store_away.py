"""The S3 server goes away in the middle of everything and comes back: clear refusals meanwhile, nothing is lost."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from repo_service import wiring
from repo_service.migrations import run
from repo_service.models import Job
from repo_service.policy import OPERATOR
from repo_service.services import accounts, doctor, processing
from repo_service.settings import Settings
from tests import support
from tests.repo_service.uploads.conftest import Client, serving
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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.go()


def test_uploads_steps_and_readers_outlive_a_store_that_is_away(store: Store, tmp_path: Path) -> None:
    ctx = wiring.build(Settings(data_dir=tmp_path / "data", storage_url=store.url), index_writer=True)
    run.upgrade(ctx.db)
    person = support.user(ctx, in_=support.institution(ctx))
    key = accounts.create_key(ctx, OPERATOR, email=person.email, scopes=("all",))[1]
    with contextlib.closing(ctx), serving(ctx) as port:
        client = Client(port, key)
        login = {"Authorization": f"Bearer {key}"}
        place = client.create(len(TEXT), filename="气焊安全.md").headers["location"]
        half = len(TEXT) // 2

        refused = client.patch(place, 0, TEXT[:half])  # the service began without its store
        assert (refused.status, refused.code) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert client.ask("HEAD", place).offset == 0

        store.come()
        assert client.patch(place, 0, TEXT[:half]).offset == half
        store.go()
        refused = client.patch(place, half, TEXT[half:])
        assert (refused.status, refused.code) == (503, "unavailable")
        ready = client.ask("GET", "/readyz", bare=True)
        assert ready.status == 503
        assert [check["name"] for check in json.loads(ready.body)["checks"] if not check["ok"]] == ["store"]
        assert client.ask("GET", "/search?q=weld", {"Accept": "text/html"}, bare=True).status == 200

        store.come()
        offset = client.ask("HEAD", place).offset
        assert offset == half, "what was acknowledged is there, what was refused does not count"
        resource_id = client.patch(place, offset, TEXT[offset:]).headers["xuehai-resource"]

        store.go()
        assert processing.work_one(ctx, "test")
        with ctx.db.read() as session:
            job = session.scalars(select(Job)).one()
        assert (job.state, job.failures, job.interruptions) == ("ready", 0, 0)
        assert job.not_before is not None, "it is not asked again at once"
        address = f"/media/{resource_id}/1/given/{job.file_id}"
        away = client.ask("GET", address, {**login, "Sec-Fetch-Mode": "cors"}, bare=True)
        assert (away.status, away.code) == (503, "unavailable")
        assert int(away.headers["retry-after"]) > 0

        store.come()
        with ctx.db.write() as session:
            session.execute(update(Job).values(not_before=None))
        support.settle(ctx)
        with ctx.db.read() as session:
            assert {(job.state, job.failures, job.interruptions) for job in session.scalars(select(Job))} == {
                ("done", 0, 0)
            }
        answer = client.ask("GET", address, {**login, "Sec-Fetch-Mode": "cors"}, bare=True)
        assert answer.body == TEXT
        assert doctor.examine(ctx) == []
