"""The librarian's side of search, on its pages: what means the same, own words, what comes first or never."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from repo_service.models import Audit, OwnWord, SearchPin, SynonymGroup
from repo_service.services import indexing, lexicon
from tests.repo_service.web.conftest import Library


@pytest.fixture
def clean(library: Library) -> Iterator[Library]:
    """What a test says about words and places is forgotten after it."""
    yield library
    with library.ctx.db.write() as session:
        for table in (SynonymGroup, OwnWord, SearchPin):
            for row in session.scalars(select(table)):
                session.delete(row)
        session.flush()
        lexicon.raise_state(session)
    lexicon.current(library.ctx, now=True)


def post(library: Library, client: TestClient, path: str, **data: str) -> str:
    """Send a form as the curator's browser does; the text of the page that comes then."""
    answer = client.post(path, data={"csrf_token": library.token(client), **data})
    return str(answer.text)


def titles(client: TestClient, q: str) -> list[str]:
    return [hit["title"] for hit in client.get("/api/v1/search", params={"q": q}).json()["hits"]]


def audited(library: Library) -> list[str]:
    with library.ctx.db.read() as session:
        return list(session.scalars(select(Audit.what).order_by(Audit.seq.desc()).limit(2)))


def test_a_group_shows_its_effect_before_it_is_saved(clean: Library) -> None:
    client = clean.client("curator")
    assert titles(client, "Pfropfung") == []
    shown = post(clean, client, "/search/words/groups", expressions="Pfropfung = 嫁接", act="try")
    assert "尚未保存" in shown
    assert "桃树芽接与嫁接技术" in shown
    assert titles(client, "Pfropfung") == [], "trying changes nothing"
    saved = post(clean, client, "/search/words/groups", expressions="Pfropfung＝嫁接", act="save")
    assert "Pfropfung = 嫁接" in saved
    assert titles(client, "Pfropfung") == ["桃树芽接与嫁接技术"]
    hit = client.get("/api/v1/search", params={"q": "Pfropfung"}).json()["hits"][0]
    assert hit["highlighted"] == "桃树芽接与<mark>嫁接</mark>技术"
    assert audited(clean)[0] == "synonyms.add"
    with clean.ctx.db.read() as session:
        (group,) = session.scalars(select(SynonymGroup.id))
    post(clean, client, f"/search/words/groups/{group}/remove")
    assert titles(client, "Pfropfung") == []


def test_a_group_needs_two_expressions(clean: Library) -> None:
    client = clean.client("curator")
    assert "请至少写出两个不同的说法" in post(
        clean, client, "/search/words/groups", expressions="慕课 = 慕课", act="save"
    )


def test_an_own_word_cuts_queries_at_once_and_what_holds_it_soon(clean: Library) -> None:
    client = clean.client("curator")
    before = client.get("/api/v1/search?q=芽接与嫁").json()["total"]
    said = post(clean, client, "/search/words/own", word="芽接与嫁")
    assert "含有该词的" in said
    assert "正在重新编入索引" in said
    while indexing.drain(clean.ctx):
        continue
    assert titles(client, "芽接与嫁") == ["桃树芽接与嫁接技术"], f"{before} before"
    assert "这个词已经收录" in post(clean, client, "/search/words/own", word="芽接与嫁")
    post(clean, client, "/search/words/own/remove", word="芽接与嫁")
    assert audited(clean)[0] == "word.remove"
    while indexing.drain(clean.ctx):
        continue


def test_pinned_comes_first_and_hidden_never_until_its_day(clean: Library) -> None:
    client = clean.client("curator")
    text, slides = clean.things["text"], clean.things["slides"]
    page = post(clean, client, "/search/pins", q="桃树 嫁接", resource_id=text, act="pin", until="2999-01-01")
    assert "2999" in page
    post(clean, client, "/search/pins", q="桃树 嫁接", resource_id=slides, act="pin")
    found = client.get("/api/v1/search", params={"q": "桃樹嫁接"}).json()
    assert [hit["title"] for hit in found["hits"]] == ["家庭急救常识", "社区垃圾分类培训", "桃树芽接与嫁接技术"]
    assert [hit["pinned"] for hit in found["hits"]] == [True, True, False]
    assert found["total"] == 3
    post(clean, client, "/search/pins", q="桃树嫁接", resource_id=clean.things["video"], act="hide")
    found = client.get("/api/v1/search", params={"q": "桃树嫁接"}).json()
    assert (found["total"], sum(value["count"] for value in found["facets"]["media_kind"])) == (2, 2)
    assert audited(clean)[0] == "search.hide"
    assert "请选一个还没有到的日期" in post(
        clean, client, "/search/pins", q="桃树嫁接", resource_id=text, act="pin", until="2001-01-01"
    )
    with clean.ctx.db.write() as session:
        for row in session.scalars(select(SearchPin)):
            row.ends_at = clean.ctx.clock()
    assert titles(client, "桃树嫁接") == ["桃树芽接与嫁接技术"], "what ended holds no more"
    assert "已过期" in client.get("/search/pins").text


@pytest.mark.parametrize("path", ["/search/words", "/search/pins"])
def test_only_curators_look_after_search(library: Library, path: str) -> None:
    assert library.client("uploader").get(path).status_code == 403
    assert library.client("learner").get(path).status_code == 403
    assert library.client().get(path, follow_redirects=False).status_code == 303


def test_a_librarian_sees_why_a_hit_stands_where_it_stands(library: Library) -> None:
    client = library.client("curator")
    video = library.things["video"]
    asked = {"q": "桃树嫁接 类型:视频", "id": video}
    found = client.get("/api/v1/search/explain", params=asked).json()
    (hit,) = client.get("/api/v1/search", params={"q": asked["q"]}).json()["hits"]
    assert found["score"] == pytest.approx(hit["score"], rel=1e-3)
    assert found["score"] == pytest.approx(sum(part["score"] for part in found["parts"]), abs=0.01)
    assert {"title", "subjects", "description", "words"} <= {part["field"] for part in found["fields"]}
    assert "桃树" in {part["term"] for part in found["parts"]}
    page = client.get("/search/explain", params={**asked, "lang": "en"}).text
    assert "quality, freshness and opens" in page
    assert f"id={video}" in client.get("/search", params={"q": "嫁接"}).text
    learner = library.client("learner")
    assert learner.get("/api/v1/search/explain", params=asked).status_code == 403
    assert "/search/explain" not in learner.get("/search", params={"q": "嫁接"}).text
    gone = {"q": "x", "id": library.things["draft"]}
    assert client.get("/api/v1/search/explain", params=gone).status_code == 404
