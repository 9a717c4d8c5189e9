"""What librarians' own systems do about search: words that mean the same, own words, what comes first or never."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from repo_service.models import Audit, Resource
from repo_service.policy import OPERATOR
from repo_service.services import accounts, indexing, lexicon
from tests.repo_service.api.conftest import BASE, Site
from tests.repo_service.api.test_rights import WHO

pytestmark = pytest.mark.both_databases
PATH = "/api/v1/searches"
NOBODYS = "019394ff-ffff-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _as_it_was(site: Site) -> Iterator[None]:
    """Own words cut text in the whole process: they go with the database that holds them."""
    yield
    for word in lexicon.words(site.ctx, OPERATOR):
        lexicon.remove_word(site.ctx, OPERATOR, word)


def publish(site: Site, title: str) -> Resource:
    row = site.resource(title=title)
    with site.ctx.db.write() as session:
        indexing.touch(session, site.ctx, session.merge(row), visibility=True)
    while indexing.drain(site.ctx):
        continue
    return row


def found(site: Site, q: str) -> list[str]:
    return [hit["title"] for hit in site.client().get("/api/v1/search", params={"q": q}).json()["hits"]]


def acts(site: Site) -> list[str]:
    """What was audited about search."""
    with site.ctx.db.read() as session:
        said = session.scalars(select(Audit.what).order_by(Audit.seq))
        return [what for what in said if what.startswith(("synonyms.", "word.", "search."))]


def test_a_group_is_tried_saved_once_and_forgotten(site: Site) -> None:
    publish(site, "桃树芽接与嫁接技术")
    client = site.client("curator")
    group = {"expressions": ["Pfropfung", "嫁接"]}
    effect = client.post(f"{PATH}/synonyms/preview", json=group | {"q": "Pfropfung 技术"}).json()
    assert (effect["before"], effect["after"]) == (1, 1)
    effect = client.post(f"{PATH}/synonyms/preview", json=group).json()
    assert effect == {"before": 0, "after": 1, "titles_before": [], "titles_after": ["桃树芽接与嫁接技术"]}
    assert client.get(f"{PATH}/synonyms").json()["items"] == [], "trying saves nothing"
    made = client.post(f"{PATH}/synonyms", json=group)
    again = client.post(f"{PATH}/synonyms", json={"expressions": ["嫁接 ", "PFROPFUNG"]})
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json() == client.get(f"{PATH}/synonyms").json()["items"][0]
    assert found(site, "Pfropfung") == ["桃树芽接与嫁接技术"]
    assert client.delete(made.headers["Location"]).status_code == 204
    assert client.delete(made.headers["Location"]).status_code == 404
    assert found(site, "Pfropfung") == []
    assert acts(site) == ["synonyms.add", "synonyms.remove"]


def test_a_word_is_added_once_and_forgotten(site: Site) -> None:
    publish(site, "桃树芽接与嫁接技术")
    client = site.client("curator")
    made = client.post(f"{PATH}/words", json={"word": "桃樹芽接"})
    assert (made.status_code, made.json()) == (201, {"word": "桃树芽接", "reindexed": 1})
    again = client.post(f"{PATH}/words", json={"word": "桃树芽接"})
    assert (again.status_code, again.json()) == (200, {"word": "桃树芽接", "reindexed": 0})
    assert client.get(f"{PATH}/words").json()["items"] == ["桃树芽接"]
    while indexing.drain(site.ctx):
        continue
    gone = client.delete(f"{PATH}/words/{quote('桃樹芽接')}")
    assert (gone.status_code, gone.json()["reindexed"]) == (200, 1)
    assert client.delete(made.headers["Location"]).status_code == 404
    assert acts(site) == ["word.add", "word.remove"]


def test_a_word_with_a_stroke_in_it(site: Site) -> None:
    client = site.client("curator")
    made = client.post(f"{PATH}/words", json={"word": "国标/T"})
    assert made.json()["word"] == "国标/t"
    assert client.delete(made.headers["Location"]).status_code == 200


@pytest.mark.parametrize("word", ["x", "latin", "嫁 接", "嫁\x00接", "嫁" * 13, "嫁ﷺﷺﷺ", "嫁¨接", "嫁\u200b接"])
def test_what_is_no_word_is_refused(site: Site, word: str) -> None:
    assert site.client("curator").post(f"{PATH}/words", json={"word": word}).status_code == 422


def test_a_pin_is_set_changed_and_taken_back(site: Site) -> None:
    first, second = publish(site, "嫁接一"), publish(site, "嫁接一二三")
    client = site.client("curator")
    asked: dict[str, Any] = {"query": "嫁接", "resource_id": second.id}
    made = client.post(f"{PATH}/pins", json=asked)
    again = client.post(f"{PATH}/pins", json=asked)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert acts(site) == ["search.pin"], "what changes nothing is no act"
    assert found(site, "嫁接") == ["嫁接一二三", "嫁接一"]
    until = (site.ctx.clock() + timedelta(days=3)).isoformat()
    changed = client.post(f"{PATH}/pins", json=asked | {"query": "嫁接", "hides": True, "ends_at": until})
    assert (changed.status_code, changed.json()["id"], changed.json()["hides"]) == (200, made.json()["id"], True)
    assert found(site, "嫁接") == ["嫁接一"]
    client.post(f"{PATH}/pins", json={"query": "别的", "resource_id": first.id})
    assert len(client.get(f"{PATH}/pins").json()["items"]) == 2
    assert [one["query"] for one in client.get(f"{PATH}/pins", params={"q": "别的"}).json()["items"]] == ["别的"]
    assert client.delete(made.headers["Location"]).status_code == 204
    assert client.delete(made.headers["Location"]).status_code == 404


def test_lists_go_on_page_by_page(site: Site) -> None:
    client = site.client("curator")
    row = publish(site, "嫁接")
    for number in "甲乙丙":
        client.post(f"{PATH}/words", json={"word": f"{number}号"})
        client.post(f"{PATH}/synonyms", json={"expressions": [number, f"{number}组"]})
        client.post(f"{PATH}/pins", json={"query": f"{number}题", "resource_id": row.id})
    for name in ("words", "synonyms", "pins"):
        whole = client.get(f"{PATH}/{name}").json()["items"]
        seen, cursor = [], None
        while True:
            page = client.get(f"{PATH}/{name}", params={"limit": 1, "cursor": cursor} if cursor else {"limit": 1})
            seen += page.json()["items"]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                break
            assert 'rel="next"' in page.headers["Link"]
        assert seen == whole
        assert len(seen) == 3
    assert client.get(f"{PATH}/words", params={"cursor": "x"}).json()["code"] == "bad_cursor"


def test_what_cannot_be_taken_says_why(site: Site) -> None:
    client = site.client("curator")
    hidden = site.resource("draft")
    for path, body, code in (
        ("synonyms", {"expressions": ["慕课", "慕課"]}, "same_twice"),
        ("pins", {"query": "嫁接", "resource_id": hidden.id}, "unknown_resource"),
        ("pins", {"query": "…", "resource_id": hidden.id}, "no_words"),
        ("pins", {"query": "嫁接", "resource_id": hidden.id, "ends_at": "2001-01-01T00:00:00Z"}, "in_the_past"),
    ):
        refused = client.post(f"{PATH}/{path}", json=body)
        assert refused.status_code == 422
        assert [one["code"] for one in refused.json()["errors"]] == [code]


REQUESTS: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("GET", "/synonyms", None, 200),
    ("POST", "/synonyms", {"expressions": ["甲", "乙"]}, 201),
    ("POST", "/synonyms/preview", {"expressions": ["甲", "乙"]}, 200),
    ("DELETE", f"/synonyms/{NOBODYS}", None, 404),
    ("GET", "/words", None, 200),
    ("POST", "/words", {"word": "甲乙"}, 201),
    ("DELETE", "/words/丙丁", None, 404),
    ("GET", "/pins", None, 200),
    ("POST", "/pins", {"query": "甲", "resource_id": NOBODYS}, 422),
    ("DELETE", f"/pins/{NOBODYS}", None, 404),
    ("GET", "/clicks", None, 200),
    ("GET", "/in-vain", None, 200),
]


@pytest.mark.parametrize("who", WHO)
def test_only_those_who_look_after_search(site: Site, who: str) -> None:
    publish(site, "嫁接")
    client = site.client(who)
    for method, path, body, let_in in REQUESTS:
        expected = let_in if who in ("curator", "system_admin") else 403 if who else 401
        assert client.request(method, PATH + path, json=body).status_code == expected, (method, path)


@pytest.mark.parametrize("scope", ["read", "upload", "review"])
def test_a_key_needs_the_scope(site: Site, scope: str) -> None:
    email = site.people["curator"].email
    _, key = accounts.create_key(site.ctx, OPERATOR, email=email, scopes=(scope,))
    client = site.client(Authorization=f"Bearer {key}")
    assert str(client.base_url) == BASE
    for method, path, body, _ in REQUESTS:
        refused = client.request(method, PATH + path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing"), (method, path)


def test_what_comes_first_or_never_holds_for_what_was_meant(site: Site) -> None:
    """By pinyin, by initials or with a slip: whoever hides a resource means the query, not how it is typed."""
    first, second = publish(site, "果树嫁接"), publish(site, "果树修剪")
    client = site.client("curator")
    for hides, resource in ((True, first), (False, second)):
        made = client.post(f"{PATH}/pins", json={"query": "果树", "resource_id": resource.id, "hides": hides})
        assert made.status_code == 201, made.text
    for q in ("果树", "guoshu", "gs", "果数"):
        answer = site.client().get("/api/v1/search", params={"q": q}).json()
        assert [hit["id"] for hit in answer["hits"]] == [second.id], q
        assert answer["total"] == 1
    assert len(found(site, "嫁接 修剪")) == 2
