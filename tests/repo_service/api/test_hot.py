"""What is kept ready for readers is never older than the database, and for nobody in particular."""

import time
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from repo_service.api import hot
from repo_service.api.frame import Traffic
from repo_service.context import Context
from repo_service.models import Resource
from repo_service.policy import Actor
from repo_service.services import catalog, indexing
from repo_service.services.records import Record
from tests.repo_service.api.conftest import BASE, Site

pytestmark = pytest.mark.both_databases
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here for what settles in a moment."""
    monkeypatch.setattr(hot, "SETTLED_SECONDS", 0.0)


@pytest.fixture
def reader(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """One connection of one visitor, so that the stamp is looked at in one place."""
    monkeypatch.setitem(site.app.state._state, "traffic", Traffic())
    with TestClient(hot.Hot(site.app), base_url=BASE, headers={"Accept-Language": "en", **BROWSER}) as client:
        yield client


def ready(site: Site) -> float:
    """How many answers came out of the store so far."""
    families = site.app.state.traffic.registry.collect()
    return sum(
        float(sample.value) for family in families if family.name == "xuehai_http_hot" for sample in family.samples
    )


def came_ready(site: Site, reader: TestClient, path: str, **headers: str) -> bool:
    """Whether the second of two equal questions is answered from the store, with the same answer."""
    first, before = reader.get(path, headers=headers), ready(site)
    second = reader.get(path, headers=headers)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    told = [{k: v for k, v in one.headers.items() if k != "x-request-id"} for one in (first, second)]
    assert told[0] == told[1]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    return ready(site) > before


def test_public_answers_are_kept(site: Site, reader: TestClient) -> None:
    one = site.resource(title="果树嫁接")
    indexing.reindex(site.ctx)
    for path in (
        "/",
        "/search?q=嫁接",
        f"/resources/{one.id}",
        f"/api/v1/resources/{one.id}",
        "/api/v1/search?q=嫁接",
        "/api/v1/suggest?q=果",
    ):
        assert came_ready(site, reader, path), path


def test_a_change_is_seen_at_once(site: Site, reader: TestClient) -> None:
    one = site.resource(title="旧题名")
    path = f"/api/v1/resources/{one.id}"
    assert came_ready(site, reader, path)
    for number in range(5):
        with site.ctx.db.write() as session:
            session.get_one(Resource, one.id).title = f"新题名{number}"
        assert reader.get(path).json()["title"] == f"新题名{number}"
        assert reader.get(path).json()["title"] == f"新题名{number}"
    with site.ctx.db.write() as session:
        session.get_one(Resource, one.id).state = "withdrawn"
    assert reader.get(path).status_code == 404


def test_what_falls_between_question_and_answer_is_not_kept(
    site: Site, reader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = site.resource(), site.resource()
    record = catalog.record

    def meanwhile(ctx: Context, actor: Actor, resource_id: str) -> Record:
        found = record(ctx, actor, resource_id)
        with site.ctx.db.write() as session:
            session.get_one(Resource, other.id).opens += 1
        return found

    monkeypatch.setattr(catalog, "record", meanwhile)
    assert not came_ready(site, reader, f"/api/v1/resources/{one.id}")


def test_nothing_is_kept_until_the_last_change_has_settled(
    site: Site, reader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot, "SETTLED_SECONDS", 0.5)
    one = site.resource()
    assert not came_ready(site, reader, f"/api/v1/resources/{one.id}")
    time.sleep(0.6)
    assert came_ready(site, reader, f"/api/v1/resources/{one.id}")


def test_each_asks_for_its_own(site: Site, reader: TestClient) -> None:
    one = site.resource()
    path = f"/resources/{one.id}"
    assert came_ready(site, reader, path)
    before = ready(site)
    in_english = reader.get(path, headers={"Cookie": "lang=en"})
    assert 'lang="en"' in in_english.text
    assert ready(site) == before
    assert not came_ready(site, reader, path, Authorization=f"Bearer {site.key('curator')}")
    assert not came_ready(site, reader, path, Cookie="xuehai_session=none")
    assert reader.get(path, headers={"Host": "evil.example"}).status_code == 400
    assert reader.get(f"{path}?lang=en").headers["set-cookie"]
    assert reader.get(f"{path}?lang=en").headers["set-cookie"]


def test_a_copy_that_is_held_already_is_not_sent_again(site: Site, reader: TestClient) -> None:
    path = f"/api/v1/resources/{site.resource().id}"
    tag = reader.get(path).headers["etag"]
    before = ready(site)
    again = reader.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers
    assert reader.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert ready(site) == before + 2


def test_each_time_counts(site: Site, reader: TestClient) -> None:
    one = site.resource()
    for _ in range(5):
        reader.get(f"/resources/{one.id}")
    site.app.state.opens.flush()
    with site.ctx.db.read() as session:
        assert session.get_one(Resource, one.id).opens == 5


def answer(body: bytes, seconds: float) -> hot.Answer:
    return hot.Answer([], body, None, "/", time.monotonic() + seconds)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot, "ROOM", 1000)
    kept = hot.Kept()
    kept.get("none", 1)
    for number in range(100):
        kept.put(number, 1, answer(b"x" * 300, 60))
    assert [number for number in range(100) if kept.get(number, 1)] == [97, 98, 99]
    assert kept.get(99, 2) is None
    kept.put("old", 2, answer(b"x", 0))
    assert kept.get("old", 2) is None
