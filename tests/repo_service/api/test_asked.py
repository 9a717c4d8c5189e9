"""What people search for is counted without a trace of them, and shown to librarians when nothing was found."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from urllib.parse import quote

import pytest
import structlog
from sqlalchemy import select
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from repo_service.app import create_app
from repo_service.context import Context
from repo_service.errors import Forbidden, Unauthenticated
from repo_service.models.asked import SearchTally
from repo_service.policy import ANONYMOUS, OPERATOR, Actor
from repo_service.services import accounts, asked, indexing
from repo_service.services.asked import Asked, cleaned, searched_in_vain, write_down
from repo_service.services.upkeep import reconcile_once
from tests import support


@pytest.fixture
def site(ctx: Context) -> Iterator[TestClient]:
    """A site with one lecture."""
    row = support.resource(ctx, support.institution(ctx), "茶艺入门", state="published", published_at=ctx.clock())
    with ctx.db.write() as session:
        indexing.touch(session, ctx, session.merge(row), visibility=True)
    indexing.drain(ctx)
    with TestClient(create_app(ctx), base_url=ctx.settings.public_url) as client:
        yield client


def rows(ctx: Context) -> dict[tuple[str, str], tuple[int, int]]:
    """(language, query) → asked, in vain."""
    with ctx.db.read() as session:
        found = session.scalars(select(SearchTally)).all()
    return {(row.language, row.query): (row.asked, row.in_vain) for row in found}


def test_searches_of_pages_and_programs_are_added_up(ctx: Context, site: TestClient) -> None:
    for path in ("/search?q=茶藝", "/api/v1/search?q=茶艺", "/search?q=龘龘&lang=en", "/search?q=龘龘&lang=en"):
        assert site.get(path).status_code == 200
    for uncounted in ("/search?q=", "/search?q=茶艺&year=1999", "/search?q=龘+a@b.cn", "/search?q=龘+13800001111"):
        assert site.get(uncounted).status_code == 200
    site.app.state.asked.flush()  # type: ignore[attr-defined]
    assert rows(ctx) == {("zh", "茶艺"): (2, 0), ("en", "龘龘"): (2, 2)}
    (only,) = searched_in_vain(ctx, OPERATOR)
    assert (only.query, only.times, only.last_day) == ("龘龘", 2, ctx.clock().date().isoformat())


def test_only_librarians_see_it(ctx: Context, site: TestClient) -> None:
    with pytest.raises(Unauthenticated):
        searched_in_vain(ctx, ANONYMOUS)
    with pytest.raises(Forbidden):
        searched_in_vain(ctx, Actor(id="a", roles={"b": frozenset({"uploader"})}, scopes=frozenset({"all"})))
    assert site.get("/api/v1/searches/in-vain").status_code == 401
    assert site.get("/search/in-vain", headers={"Accept": "text/html"}, follow_redirects=False).status_code == 303


def test_a_day_keeps_so_many_queries_and_goes_on_counting_those(ctx: Context) -> None:
    write_down(ctx, {("zh", f"{n:05}"): (1, 0) for n in range(asked.MOST_A_DAY + 10)})
    assert len(rows(ctx)) == asked.MOST_A_DAY
    write_down(ctx, {("zh", "00000"): (2, 1), ("zh", "new"): (1, 1)})
    assert rows(ctx)["zh", "00000"] == (3, 1)
    assert ("zh", "new") not in rows(ctx)


def test_the_reconciler_forgets_days_long_past(ctx: Context) -> None:
    today = ctx.clock().date()
    kept, gone = ((today - timedelta(days=days)).isoformat() for days in (asked.KEPT_DAYS, asked.KEPT_DAYS + 1))
    with ctx.db.write() as session:
        for day, query in ((kept, "新"), (gone, "旧")):
            session.add(SearchTally(day=day, language="zh", query=query, asked=1, in_vain=1))
    assert reconcile_once(ctx).counts["forgotten"] == 1
    assert rows(ctx) == {("zh", "新"): (1, 1)}


def test_what_is_kept_of_a_search_is_words_and_numbers_by_day(ctx: Context, site: TestClient) -> None:
    """Whoever asks, by session, key or neither, from wherever: the rows are the same."""
    support.user(ctx, "learner@example.cn")
    _, key = accounts.create_key(ctx, OPERATOR, email="learner@example.cn", scopes=("read",))
    tellers = (
        {"Authorization": f"Bearer {key}"},
        {
            "Cookie": "xuehai_session=somebody; lang=zh",
            "X-Forwarded-For": "203.0.113.7",
            "Referer": "https://a.example",
        },
        {"User-Agent": "Firefox", "X-Request-ID": "somebodys-request"},
    )
    for headers in tellers:
        assert site.get("/api/v1/search?q=茶艺", headers=headers).status_code == 200
    site.app.state.asked.flush()  # type: ignore[attr-defined]
    with ctx.db.read() as session:
        (kept,) = session.execute(select(*SearchTally.__table__.columns)).all()
    assert tuple(kept) == (ctx.clock().date().isoformat(), "zh", "茶艺", 3, 0)


@pytest.fixture
def _everything_is_logged() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("DEBUG"))
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("_everything_is_logged")
def test_the_log_of_requests_does_not_say_what_was_searched_for(site: TestClient) -> None:
    paths = ("/search?q=茶艺", "/api/v1/search?q=茶艺", "/api/v1/suggest?q=茶艺", "/search/feed.atom?q=茶艺")
    with capture_logs() as lines:
        for path in paths:
            assert site.get(path).status_code == 200
        assert site.post("/search/clicks", data={"q": "茶艺", "resource_id": "x", "rank": 1}).status_code == 422
        ending = "/search/digests/019394ff-ffff-7000-8000-000000000000/some-secret"
        assert site.get(ending).status_code == 200
    said = str(lines)
    assert said.count("'event': 'request'") == len(paths) + 2
    assert "茶艺" not in said
    assert quote("茶艺") not in said
    assert "some-secret" not in said


def test_the_site_says_what_is_kept(site: TestClient) -> None:
    chinese, english = (site.get(f"/about?lang={lang}").text for lang in ("zh", "en"))
    assert f"保留 {asked.KEPT_DAYS} 天" in chinese
    assert f"for {asked.KEPT_DAYS} days" in english


def test_who_writes_down_waits_for_who_does_so_already(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what another thread took from the tally, and has not written, would be seen nowhere for a moment."""
    begun, goes_on, real = Event(), Event(), write_down

    def slow(ctx: Context, tally: asked.Times) -> None:
        begun.set()
        assert goes_on.wait(30)
        real(ctx, tally)

    tally = Asked(ctx)
    tally.note("茶艺", "zh", 0)
    monkeypatch.setattr(asked, "write_down", slow)
    first = Thread(target=tally.flush)
    first.start()
    assert begun.wait(30)
    second = Thread(target=tally.flush)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    goes_on.set()
    for one in (first, second):
        one.join(30)
    assert [one.query for one in searched_in_vain(ctx, OPERATOR)] == ["茶艺"]


def test_what_cannot_be_written_harms_nobody(ctx: Context) -> None:
    tally = Asked(ctx)
    with ctx.db.write() as session:
        SearchTally.__table__.drop(session.connection())  # type: ignore[attr-defined]
    tally.note("茶艺", "zh", 0)
    tally.flush()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "a@example.cn",
        "a＠example.cn",
        "13800001111",
        "１３８００００１１１１",
        "王 138 0000 1111",
        "138.0000.1111",
        "138-0000-1111",
        "41010219900101123x",
        "x" * 101,
        "a\x00b",
    ],
)
def test_what_may_name_a_person_is_not_kept(typed: str) -> None:
    assert cleaned(typed) == ""
