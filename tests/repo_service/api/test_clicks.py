"""Which hit was opened for which query is added up, without a trace of who opened it."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from repo_service.errors import TooMany
from repo_service.models import Resource, SearchClick, SearchTally
from repo_service.services import asked, clicks
from repo_service.services.clicks import Click, ClickDraft, Clicks, write_down
from repo_service.services.upkeep import reconcile_once
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
PATH = "/api/v1/searches/clicks"


@pytest.fixture(autouse=True)
def _fresh(site: Site) -> None:
    site.app.state.clicks = Clicks(site.ctx)


def browser(site: Site) -> TestClient:
    return site.client(**{"User-Agent": BROWSER})


def opened(one: Resource, **more: Any) -> dict[str, Any]:
    return {"q": "八段錦", "resource_id": one.id, "rank": 1} | more


def rows(site: Site) -> dict[tuple[str, str, int], int]:
    """(query, resource, rank) → clicks."""
    site.app.state.clicks.flush()
    with site.ctx.db.read() as session:
        return {(row.query, row.resource_id, row.rank): row.clicks for row in session.scalars(select(SearchClick))}


def test_openings_are_added_up_by_query_hit_and_group_of_ranks(site: Site) -> None:
    one, two = site.resource(), site.resource()
    client = browser(site)
    for sent in (opened(one), opened(one, q="八段锦 "), opened(one, rank=7), opened(one, rank=10), opened(two, rank=5)):
        assert client.post(PATH, json=sent).status_code == 204
    assert rows(site) == {("八段锦", one.id, 1): 2, ("八段锦", one.id, 6): 2, ("八段锦", two.id, 4): 1}
    assert client.post(PATH, json=opened(one, rank=9_999)).status_code == 204
    assert rows(site)["八段锦", one.id, 21] == 1


def test_a_hit_counts_once_for_each_page_view(site: Site) -> None:
    one, two = site.resource(), site.resource()
    for sent in (opened(one, view="a"), opened(one, view="a"), opened(two, view="a"), opened(one, view="b")):
        assert browser(site).post(PATH, json=sent).status_code == 204
    assert rows(site) == {("八段锦", one.id, 1): 2, ("八段锦", two.id, 1): 1}


def test_robots_and_what_is_not_public_and_what_may_name_a_person_do_not_count(site: Site) -> None:
    one, draft = site.resource(), site.resource("draft")
    gone = "019394ff-ffff-7000-8000-000000000000"
    robot = site.client(**{"User-Agent": "Googlebot/2.1"})
    assert robot.post(PATH, json=opened(one)).status_code == 204
    for sent in (
        opened(draft),
        opened(one, resource_id=gone),
        opened(one, q="王 13800001111"),
        opened(one, q="a@b.cn"),
    ):
        assert browser(site).post(PATH, json=sent).status_code == 204
    assert rows(site) == {}
    program = site.client("uploader", **{"User-Agent": "python-httpx/1"})
    assert program.post(PATH, json=opened(one)).status_code == 204
    assert rows(site) == {("八段锦", one.id, 1): 1}, "who shows a key speaks for people"


def test_other_sites_cannot_make_a_browser_tell(site: Site) -> None:
    one = site.resource()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser(site).post(PATH, json=opened(one), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "other_site")


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"rank": 10_001},
        {"resource_id": "x"},
        {"q": ""},
        {"q": "x" * 1001},
        {"view": "x" * 65},
        {"user": 1},
    ],
)
def test_what_is_told_is_bounded(site: Site, wrong: dict[str, Any]) -> None:
    assert browser(site).post(PATH, json=opened(site.resource(), **wrong)).status_code == 422


def test_one_address_tells_so_much_in_a_minute(site: Site) -> None:
    one = site.resource()
    answers = [browser(site).post(PATH, json=opened(one)) for _ in range(clicks.A_MINUTE + 1)]
    assert [answer.status_code for answer in answers] == [204] * clicks.A_MINUTE + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert site.client("uploader").post(PATH, json=opened(one)).status_code == 204


def test_memory_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_TALLIED", "MOST_VIEWS", "MOST_ADDRESSES"):
        monkeypatch.setattr(clicks, name, 10)
    tally = Clicks(site.ctx)
    one = site.resource().id
    told = 0
    for number in range(200):
        draft = ClickDraft(q=f"问题{number}", resource_id=one, rank=1, view=str(number))
        try:
            tally.note(draft, teller=str(number))
        except TooMany:
            told = number
            break
    assert told == 10 + clicks.A_MINUTE, "whoever comes on top of so many addresses shares one allowance"
    assert len(tally._tally) == len(tally._views) == 10
    assert len(tally._told) == 11


def test_a_day_keeps_so_many_rows_and_goes_on_counting_those(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clicks, "MOST_A_DAY", 5)
    one = site.resource().id
    write_down(site.ctx, {Click(f"{n:02}", one, 1): 1 for n in range(9)})
    write_down(site.ctx, {Click("00", one, 1): 2, Click("new", one, 1): 1})
    assert rows(site) == {("00", one, 1): 3} | {(f"{n:02}", one, 1): 1 for n in range(1, 5)}


def test_librarians_read_them_by_query_page_by_page(site: Site) -> None:
    one, two = site.resource(external_id="K-1"), site.resource()
    write_down(site.ctx, {Click("八段锦", one.id, 1): 3, Click("八段锦", two.id, 2): 1, Click("豫剧", two.id, 1): 2})
    asked.write_down(site.ctx, {("zh", "八段锦"): (9, 0), ("en", "八段锦"): (1, 0)})
    client = site.client("curator")
    page = client.get(PATH, params={"limit": 1}).json()
    assert page["items"] == [
        {
            "query": "八段锦",
            "asked": 10,
            "clicks": [
                {"resource_id": one.id, "external_id": "K-1", "rank": 1, "clicks": 3},
                {"resource_id": two.id, "external_id": None, "rank": 2, "clicks": 1},
            ],
        }
    ]
    following = client.get(PATH, params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert [item["query"] for item in following["items"]] == ["豫剧"]
    assert following["next_cursor"] is None


@pytest.mark.parametrize(
    ("who", "status"),
    [("", 401), ("learner", 403), ("uploader", 403), ("reviewer", 403), ("curator", 200), ("system_admin", 200)],
)
def test_only_librarians_read_them(site: Site, who: str, status: int) -> None:
    assert site.client(who).get(PATH).status_code == status


def test_the_reconciler_forgets_days_long_past(site: Site) -> None:
    one = site.resource().id
    today = site.ctx.clock().date()
    with site.ctx.db.write() as session:
        for days in (0, asked.KEPT_DAYS, asked.KEPT_DAYS + 1, 400):
            day = (today - timedelta(days=days)).isoformat()
            session.add(SearchClick(day=day, query=f"{days}", resource_id=one, rank=1, clicks=1))
    assert reconcile_once(site.ctx).counts["forgotten"] == 2
    assert {query for query, _, _ in rows(site)} == {"0", str(asked.KEPT_DAYS)}


def test_no_column_names_anybody() -> None:
    """Queries, things, days and numbers are all that the tables of searches have room for."""
    columns = itertools.chain(SearchClick.__table__.columns, SearchTally.__table__.columns)
    assert {column.name for column in columns} == {
        "day", "language", "query", "resource_id", "rank", "clicks", "asked", "in_vain",
    }  # fmt: skip
