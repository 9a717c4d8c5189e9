"""Type-ahead offers what many asked for and collections by title, and nobody's own words."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from repo_service.context import Context
from repo_service.models import SearchTally
from repo_service.services import indexing, popular
from repo_service.services.popular import DAYS, MOST_OF_A_DAY, TIMES, offered
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases


def ask(ctx: Context, query: str, *, days: int = DAYS, times: int = MOST_OF_A_DAY, in_vain: int = 0) -> None:
    """Leave a query in the log, so often on each of the last days."""
    with ctx.db.write() as session:
        for ago in range(days):
            day = (ctx.clock().date() - timedelta(days=ago)).isoformat()
            session.add(SearchTally(day=day, language="zh", query=query, asked=times, in_vain=in_vain))
    popular.forget(ctx)


def shelve(site: Site, *texts: str) -> None:
    """Resources with these descriptions, so that they are what people may ask for."""
    for text in texts:
        row = site.resource(title="养生", description=text)
        with site.ctx.db.write() as session:
            indexing.touch(session, site.ctx, session.merge(row), visibility=True)
    while indexing.drain(site.ctx):
        continue


def suggested(site: Site, q: str) -> list[tuple[str, str, str]]:
    answer = site.client().get("/api/v1/suggest", params={"q": q})
    assert answer.status_code == 200
    return [(one["kind"], one["text"], one["url"]) for one in answer.json()]


def texts(site: Site, q: str) -> list[str]:
    return [text for _, text, _ in suggested(site, q)]


@pytest.mark.parametrize("typed", ["八段", "八段錦", "baduan", "bdj", "入门", "rumen", "BaDuan"])
def test_what_many_ask_for_is_offered(site: Site, typed: str) -> None:
    shelve(site, "八段锦的入门")
    ask(site.ctx, "八段锦入门")
    address = "/search?q=%E5%85%AB%E6%AE%B5%E9%94%A6%E5%85%A5%E9%97%A8"
    assert suggested(site, typed) == [("query", "八段锦入门", address)]


def test_only_what_many_asked_on_many_days_with_success(site: Site) -> None:
    shelve(site, "八段锦 少日 少次 落空 常问 一天很多次")
    ask(site.ctx, "八段锦少日", days=DAYS - 1, times=1000)
    ask(site.ctx, "八段锦少次", days=DAYS, times=(TIMES - 1) // DAYS)
    ask(site.ctx, "八段锦落空", days=30, times=100, in_vain=100)
    ask(site.ctx, "八段锦常问", days=30)
    assert texts(site, "八段锦") == ["八段锦常问"]


def test_one_day_cannot_lift_a_query(site: Site) -> None:
    shelve(site, "八段锦 一天很多次")
    ask(site.ctx, "八段锦一天很多次", days=1, times=100_000)
    assert texts(site, "八段锦") == []


def test_an_advertisement_beside_a_common_word_is_not_offered(site: Site) -> None:
    """It finds something, as some of its words suffice, so that anybody may bring it into the log day by day."""
    shelve(site, "八段锦养生", "贷款常识")
    ask(site.ctx, "八段锦 正规贷款 moneyseller")
    ask(site.ctx, "八段锦 贷款")
    ask(site.ctx, "八段锦养生")
    assert texts(site, "八段锦") == ["八段锦养生"]


@pytest.mark.parametrize(
    "query",
    [
        "王小明 410102199001011234",
        "138 0000 1111",
        "138-0000-1111",
        "qq 12345678",
        "a@example.cn",
        "https://example.cn/x",
        "019394ff-ffff-7000-8000-000000000000",
        "密码 xk7d92mq41",
        "标题:豫剧",
        "“豫剧”",
        "豫剧 -越剧",
        "豫",
        "豫剧" * 30,
    ],
)
def test_what_may_name_somebody_or_is_no_plain_words_is_never_offered(query: str) -> None:
    assert not offered(query)


@pytest.mark.parametrize("query", ["cet-4 听力", "python3.11 入门", "gb/t 21365", "c++", "2024 年高考", "太极拳"])
def test_plain_words_are_offered(query: str) -> None:
    assert offered(query)


def test_collections_are_offered_by_title_while_they_are_public(site: Site) -> None:
    curator = site.client("curator")
    made = curator.post("/api/v1/collections", json={"title": "春耕时节", "state": "published"}).json()
    curator.post("/api/v1/collections", json={"title": "春耕草稿"})
    for typed in ("春耕", "cgsj", "shijie"):
        popular.forget(site.ctx)
        assert suggested(site, typed) == [("collection", "春耕时节", f"/collections/{made['id']}")], typed
    address = f"/api/v1/collections/{made['id']}"
    assert curator.patch(address, json={"title": "秋收时节"}, headers={"If-Match": "*"}).status_code == 200
    time.sleep(popular.FRESH_SECONDS)
    assert texts(site, "春耕") == []
    assert texts(site, "秋收") == ["秋收时节"]
    assert curator.delete(address).status_code == 204
    time.sleep(popular.FRESH_SECONDS)
    assert texts(site, "秋收") == []


def test_no_kind_crowds_out_the_others(site: Site) -> None:
    for number in range(12):
        row = site.resource(title=f"太极拳第{number}讲：怎么练 {number}", keywords=["太极拳"], creators=["太极老师"])
        with site.ctx.db.write() as session:
            indexing.touch(session, site.ctx, session.merge(row), visibility=True)
    while indexing.drain(site.ctx):
        continue
    for number in range(8):
        ask(site.ctx, f"太极拳怎么练 {number}", times=MOST_OF_A_DAY - number // 4)
    site.client("curator").post("/api/v1/collections", json={"title": "太极专题", "state": "published"})
    popular.forget(site.ctx)
    found = suggested(site, "太极")
    kinds = [kind for kind, _, _ in found]
    assert len(found) == 10
    assert {"query", "title", "person", "collection"} <= set(kinds)
    assert max(kinds.count(kind) for kind in kinds) <= 5
    assert kinds[:3] == ["query"] * 3


def test_a_query_with_the_name_of_a_thing_is_said_once(site: Site) -> None:
    row = site.resource(title="太极拳")
    with site.ctx.db.write() as session:
        indexing.touch(session, site.ctx, session.merge(row), visibility=True)
    while indexing.drain(site.ctx):
        continue
    ask(site.ctx, "太极拳")
    assert suggested(site, "太极") == [("title", "太极拳", f"/resources/{row.id}")]


@pytest.fixture
def statements(site: Site) -> Iterator[list[str]]:
    """What the database is asked about the log and collections."""
    heard: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "search_tally" in statement or "collection" in statement:
            heard.append(statement)

    event.listen(site.ctx.db.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(site.ctx.db.engine, "before_cursor_execute", hear)


def test_keys_cost_the_database_nothing(site: Site, statements: list[str]) -> None:
    shelve(site, "八段锦的入门")
    ask(site.ctx, "八段锦入门")
    texts(site, "八")
    asked = len(statements)
    assert asked
    for typed in ("八段", "八段锦", "bd", "ba", "r"):
        texts(site, typed)
    assert len(statements) == asked
