"""The account page offers mail about kept searches where the site sends mail, and says so where it does not."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from repo_service.models import SavedSearch, SearchDigest
from repo_service.services import digests, indexing
from tests.repo_service.web.conftest import Library


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    """A learner who keeps a search, on a site that sends mail."""
    ctx = library.ctx
    settings = ctx.settings.model_copy(update={"mail_url": "smtp://127.0.0.1:1", "mail_from": "a@example.cn"})
    signed_in = library.client("learner")
    given = {"csrf_token": library.token(signed_in), "address": "q=%E5%AB%81%E6%8E%A5"}
    assert signed_in.post("/search/saved", data=given).status_code == 200
    library.app.state.ctx = replace(ctx, settings=settings)
    yield signed_in
    library.app.state.ctx = ctx
    with ctx.db.write() as session:
        for row in session.scalars(select(SavedSearch)):
            session.delete(row)


def choose(library: Library, client: TestClient, every: str) -> str:
    """Send the form of the page; the page that comes then."""
    action = re.search(r'action="(/search/saved/[^"]+/digest)"', client.get("/account").text)
    assert action is not None
    return str(client.post(action[1], data={"csrf_token": library.token(client), "every": every}).text)


def rows(library: Library) -> list[SearchDigest]:
    with library.ctx.db.read() as session:
        return list(session.scalars(select(SearchDigest)))


def test_mail_is_wanted_and_no_more(library: Library, client: TestClient) -> None:
    assert "有新资源时发邮件" in client.get("/account").text
    page = choose(library, client, "weekly")
    assert '<option value="weekly" selected>' in page
    assert "下次查看" in page
    assert [row.every for row in rows(library)] == ["weekly"]
    assert '<option value="" selected>' in choose(library, client, "")
    assert rows(library) == []


def test_what_went_wrong_is_said(library: Library, client: TestClient) -> None:
    choose(library, client, "daily")
    with library.ctx.db.write() as session:
        for row in session.scalars(select(SearchDigest)):
            row.due_at -= timedelta(days=2)
    ctx = library.app.state.ctx
    while indexing.drain(library.ctx):  # what other tests left: no letter tells of what the index does not know
        continue
    assert digests.send_due(ctx, lambda _ctx, found: pytest.fail(found.search)) == {"digests_without_news": 1}
    with library.ctx.db.write() as session:
        for row in session.scalars(select(SearchDigest)):
            row.error = "mail_sign_in"
    assert "邮件服务器拒绝登录" in client.get("/account").text


def test_only_ones_own_and_only_by_the_page(library: Library, client: TestClient) -> None:
    choose(library, client, "daily")
    (row,) = rows(library)
    address = f"/search/saved/{row.saved_id}/digest"
    stranger = library.client("uploader")
    given = {"csrf_token": library.token(stranger), "every": ""}
    assert stranger.post(address, data=given).status_code == 404
    assert client.post(address, data={"every": ""}).status_code == 403
    assert library.client().post(address, data={"every": ""}).status_code == 401
    assert len(rows(library)) == 1


def test_the_page_that_ends_it(library: Library, client: TestClient) -> None:
    choose(library, client, "daily")
    (row,) = rows(library)
    address = f"/search/digests/{row.saved_id}/{digests.token(row)}"
    anybody = library.client()
    page = anybody.get(address)
    assert "不再发送关于“嫁接”的邮件吗" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "不会再收到" in anybody.post(address).text
    assert rows(library) == []


def test_a_site_without_mail_says_so(library: Library, client: TestClient) -> None:
    library.app.state.ctx = library.ctx
    page = client.get("/account").text
    assert "本站不发送邮件" in page
    assert "有新资源时发邮件" not in page
