"""What people do on pages: accounts, editing, review, collections; with the forms as they stand there."""

import pytest
from starlette.datastructures import FormData

from repo_service.policy import OPERATOR
from repo_service.services import catalog, collections
from repo_service.web.collecting import ordered
from repo_service.web.desk import changes_of
from repo_service.web.people import local
from tests.repo_service.web.conftest import PASSWORD, Library


def test_signing_in_leads_back_and_wrong_words_are_said(library: Library) -> None:
    client = library.client()
    given = {"email": "learner@example.cn", "password": "wrong", "next": "/search?q=x"}
    refused = client.post("/sign-in", data=given)
    assert refused.status_code == 401
    assert "邮箱和密码不一致" in refused.text
    assert 'value="learner@example.cn"' in refused.text
    went = client.post("/sign-in", data=given | {"password": PASSWORD}, follow_redirects=False)
    assert went.headers["location"] == "/search?q=x"


def test_only_addresses_of_ours_are_gone_on_to() -> None:
    assert local("/search?q=嫁接") == "/search?q=嫁接"
    assert {local(one) for one in ("https://evil.cn", "//evil.cn", "/\\evil.cn", "javascript:1", "", "x")} == {"/"}


def test_a_learner_makes_an_account_and_changes_the_password(library: Library) -> None:
    client = library.client()
    given = {"name": "新学员", "email": "new@example.cn", "password": "short"}
    assert "密码须为 8 到 200 个字符" in client.post("/sign-up", data=given).text
    assert client.post("/sign-up", data=given | {"password": PASSWORD}).status_code == 200
    form = {"csrf_token": library.token(client), "old": "not it", "new": "another password"}
    assert "这不是您现在的密码" in client.post("/account/password", data=form).text
    assert "新密码已生效" in client.post("/account/password", data=form | {"old": PASSWORD}).text
    taken = library.client().post("/sign-up", data=given | {"password": PASSWORD})
    assert taken.status_code == 409


def test_signing_out_ends_the_session(library: Library) -> None:
    client = library.client()
    client.post("/sign-in", data={"email": "learner@example.cn", "password": PASSWORD})
    answer = client.post("/sign-out", data={"csrf_token": library.token(client)}, follow_redirects=False)
    assert answer.headers["clear-site-data"] == '"cache"'
    assert client.get("/account", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("path", ["/", "/search?q=嫁接", "/account", "/resources/none", "/resources/{slides}"])
def test_what_is_drawn_for_somebody_is_kept_nowhere(library: Library, path: str) -> None:
    address = path.format(**library.things)
    assert library.client("learner").get(address).headers["cache-control"] == "private, no-store"
    assert "cache-control" not in library.client().get(address).headers


def test_forms_of_other_sites_do_nothing(library: Library) -> None:
    client = library.client("learner")
    refused = client.post("/account/password", data={"old": PASSWORD, "new": "evil password"})
    assert refused.status_code == 403
    assert "页面打开得太久了" in refused.text


def test_a_resource_is_described_on_top_of_what_was_seen(library: Library) -> None:
    row = library.resource("要描述的课", state="draft", published_at=None, subjects=["S66", "R4", "S5", "TP3"])
    client = library.client("system_admin")
    form = {
        "csrf_token": library.token(client),
        "rev": "1",
        "title": "描述好的课",
        "description": "两句话。",
        "kinds": ["elders", "community"],
        "axes": ["vocational"],
        "subjects": ["S66", "", ""],
        "keywords": "手机，挂号; 医院",
        "creators": "王老师、李老师",
        "licence": "CC-BY-4.0",
        "language": "zh-Hans",
        "level": "everyone",
        "year": "2026",
        "external_id": "",
    }
    assert "已保存" in client.post(f"/resources/{row.id}/edit", data=form).text
    now = catalog.record(library.ctx, OPERATOR, row.id)
    assert (now.title, now.keywords, now.creators) == ("描述好的课", ["手机", "挂号", "医院"], ["王老师", "李老师"])
    assert (now.kinds, now.vocational, now.degree, now.year) == (["elders", "community"], True, False, 2026)
    assert now.subjects == ["S66", "TP3"]  # the fourth one was not in the form
    stale = client.post(f"/resources/{row.id}/edit", data=form | {"title": "后来的人"})
    assert "这期间有人改过" in stale.text
    wrong = client.post(f"/resources/{row.id}/edit", data=form | {"rev": "2", "title": "", "year": "soon"})
    assert wrong.status_code == 422
    assert "这一项必填" in wrong.text


@pytest.mark.parametrize("rev", ["", "abc", "1.0", "²", "9" * 5000])
def test_a_revision_that_is_none_of_ours_overwrites_nothing(library: Library, rev: str) -> None:
    row = library.resource("还没有改的课", state="draft", published_at=None)
    client = library.client("system_admin")
    form = {"csrf_token": library.token(client), "rev": rev, "title": "改过的课", "licence": "CC-BY-4.0"}
    refused = client.post(f"/resources/{row.id}/edit", data=form)
    assert refused.status_code == 409
    assert "这期间有人改过" in refused.text
    assert catalog.record(library.ctx, OPERATOR, row.id).title == "还没有改的课"


def test_the_form_speaks_only_of_what_it_shows(library: Library) -> None:
    record = catalog.record(library.ctx, OPERATOR, library.things["video"])
    changes = changes_of(FormData([("title", "x")]), record)
    assert "text" not in changes.model_fields_set


def _edit(library: Library, resource_id: str, title: str) -> None:
    catalog.edit(library.ctx, OPERATOR, resource_id, None, catalog.ResourceChanges(title=title))


def test_from_draft_to_published_by_three_people(library: Library) -> None:
    row = library.resource("走完全程的课", state="draft", published_at=None)
    desk, reviewer = library.client("curator"), library.client("reviewer")
    assert "已提交" in desk.post(f"/resources/{row.id}/submit", data={"csrf_token": library.token(desk)}).text
    assert "走完全程的课" in reviewer.get("/review").text
    token = library.token(reviewer)

    def decide(page: str, verdict: str) -> str:
        """The page after a decision about what this page shows."""
        form = {"csrf_token": token, "verdict": verdict, "rev": page.split('name="rev" value="', 1)[1].split('"', 1)[0]}
        return reviewer.post(f"/review/{row.id}/decision", data=form).text

    first = reviewer.get(f"/review/{row.id}").text
    assert "请写明理由" in decide(first, "return")
    _edit(library, row.id, "走完全程的好课")
    stale = decide(first, "approve")
    assert "您查看期间内容有改动" in stale
    assert "已通过审核" in decide(stale, "approve")
    _edit(library, row.id, "走完全程的课")
    changed = reviewer.get(f"/review/{row.id}").text
    assert "通过审核后又有改动" in changed
    assert "已通过审核" in decide(changed, "approve")
    done = reviewer.post(f"/review/{row.id}/publish", data={"csrf_token": token})
    assert "已发布" in done.text
    assert "已审核" in library.client().get(f"/resources/{row.id}").text
    assert "已审核" not in library.client().get(f"/resources/{library.things['text']}").text  # nobody reviewed it
    gone = desk.post(f"/resources/{row.id}/withdraw", data={"csrf_token": library.token(desk), "reason": "有误"})
    assert "有误" in gone.text
    assert library.client().get(f"/resources/{row.id}").status_code == 404


def test_what_cannot_be_done_is_said_on_the_page(library: Library) -> None:
    client = library.client("system_admin")
    form = {"csrf_token": library.token(client), "step": "identify"}
    refused = client.post(f"/resources/{library.things['draft']}/retry", data=form)
    assert refused.status_code == 409
    assert "这一步没有失败" in refused.text


def test_a_curator_makes_orders_and_empties_a_collection(library: Library) -> None:
    client = library.client("system_admin")
    token = {"csrf_token": library.token(client)}
    assert "这一项必填" in client.post("/collections", data=token | {"title": ""}).text
    made = client.post("/collections", data=token | {"title": "手机课"}, follow_redirects=False)
    edit = made.headers["location"]
    base = edit.removesuffix("/edit")
    for name in ("video", "slides"):
        client.post(f"{base}/add", data=token | {"resource_id": library.things[name], "q": "课"})
    assert (
        "它已经在这个专题里了" in client.post(f"{base}/add", data=token | {"resource_id": library.things["video"]}).text
    )
    turned = token | {
        "rev": "3",
        "title": "手机课",
        "state": "published",
        "id": [library.things["video"], library.things["slides"]],
        "place": ["2", "1"],
        "note": ["", "先看"],
    }
    assert "已保存" in client.post(edit, data=turned).text
    shown = collections.view(library.ctx, OPERATOR, base.rpartition("/")[2])
    assert [item.resource.id for item in shown.items] == [library.things["slides"], library.things["video"]]
    assert "这期间有人改过" in client.post(edit, data=turned).text
    client.post(edit, data=token | {"rev": "4", "title": "x", "act": "delete"})
    assert client.get(base).status_code == 404


def test_numbers_make_the_order() -> None:
    ids = [f"01900000-0000-7000-8000-00000000000{n}" for n in range(4)]
    rows = ordered(ids, ["2", "1", "x", "1"], ["", "a", "", "b"], gone=[ids[0]])
    assert [item.resource_id for item in rows] == [ids[1], ids[3], ids[2]]
