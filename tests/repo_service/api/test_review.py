"""From draft to published and back: who may, from where, and what everybody else sees of it."""

from typing import Any

import pytest
from sqlalchemy import select

from repo_service.models import Audit, Decision, Job, Upload, new_id
from repo_service.services import audit, indexing
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases

API = "/api/v1/resources"


def act(site: Site, who: str, resource_id: str, what: str, **body: Any) -> tuple[int, str]:
    """Status, and the state or the code of the refusal."""
    answer = site.client(who).post(f"{API}/{resource_id}/{what}", json=body or None)
    said = answer.json()
    return answer.status_code, said["state"] if answer.status_code == 200 else said["code"]


def test_the_whole_way(site: Site) -> None:
    one = site.resource("draft").id
    assert act(site, "uploader", one, "submit") == (200, "submitted")
    assert act(site, "uploader", one, "submit") == (409, "wrong_state")
    assert act(site, "curator", one, "publish") == (409, "not_approved")
    assert act(site, "reviewer", one, "decisions", accept=False) == (422, "invalid")
    assert act(site, "reviewer", one, "decisions", accept=False, reason="字幕有误") == (200, "rejected")
    assert act(site, "uploader", one, "submit") == (200, "submitted")
    assert act(site, "reviewer", one, "decisions", accept=True) == (200, "in_review")
    assert act(site, "reviewer", one, "decisions", accept=True) == (409, "already_approved")
    assert act(site, "curator", one, "publish") == (200, "published")
    assert act(site, "curator", one, "publish") == (409, "wrong_state")
    assert act(site, "uploader", one, "withdraw", reason="过时") == (200, "withdrawn")
    assert act(site, "uploader", one, "withdraw") == (409, "wrong_state")
    history = site.client("uploader").get(f"{API}/{one}/decisions").json()
    assert [step["action"] for step in history] == [
        "submit",
        "return",
        "submit",
        "approve",
        "publish",
        "withdraw",
    ]
    assert history[1]["reason"] == "字幕有误"
    with site.ctx.db.read() as db:
        acts = [row.what for row in db.scalars(select(Audit).where(Audit.object == one).order_by(Audit.seq))]
        assert list(audit.verify(db)) == []
    assert acts == [f"resource.{step['action']}" for step in history]


def test_nobody_decides_about_their_own(site: Site) -> None:
    for_owner = site.resource("submitted", owner="reviewer").id
    assert act(site, "reviewer", for_owner, "decisions", accept=True) == (409, "own_resource")
    by_submitter = site.resource("submitted").id
    by_giver = site.resource("submitted").id
    now = site.ctx.clock()
    with site.ctx.db.write() as db:
        reviewer = site.people["reviewer"].id
        db.add(Decision(resource_id=by_submitter, version=1, action="submit", by_user=reviewer, at=now))
        db.add(
            Upload(
                secret_sha256=new_id(),
                institution_id=site.home.id,
                user_id=reviewer,
                resource_id=by_giver,
                filename="a",
                created_at=now,
                expires_at=now,
            )
        )
    for one in (by_submitter, by_giver):
        assert act(site, "reviewer", one, "decisions", accept=True) == (409, "own_resource")


def test_an_approval_is_for_the_content_that_was_seen(site: Site) -> None:
    one = site.resource("submitted")
    assert act(site, "reviewer", one.id, "decisions", accept=True) == (200, "in_review")
    site.file(one, b"came later")
    assert "publish" not in site.client("curator").get(f"{API}/{one.id}").json()["can"]
    assert act(site, "curator", one.id, "publish") == (409, "not_approved")
    assert act(site, "reviewer", one.id, "decisions", accept=True) == (200, "in_review")
    assert act(site, "curator", one.id, "publish") == (200, "published")


def test_an_approval_is_for_the_record_that_was_seen(site: Site) -> None:
    one = site.resource("submitted").id
    assert act(site, "reviewer", one, "decisions", accept=True) == (200, "in_review")
    edited = site.client("curator").patch(f"{API}/{one}", json={"title": "别的题目"}, headers={"If-Match": "*"})
    assert (edited.status_code, "publish" in edited.json()["can"]) == (200, False)
    assert act(site, "curator", one, "publish") == (409, "not_approved")
    assert "decide" in site.client("reviewer").get(f"{API}/{one}").json()["can"]
    assert act(site, "reviewer", one, "decisions", accept=True) == (200, "in_review")
    assert act(site, "curator", one, "publish") == (200, "published")


def test_what_changed_while_it_was_looked_at_is_not_decided(site: Site) -> None:
    one = site.resource("submitted").id
    reviewer = site.client("reviewer")
    seen = reviewer.get(f"{API}/{one}").headers["ETag"]
    site.client("curator").patch(f"{API}/{one}", json={"description": "新的"}, headers={"If-Match": "*"})
    for accept in (True, False):
        body = {"accept": accept, "reason": "太短"}
        late = reviewer.post(f"{API}/{one}/decisions", json=body, headers={"If-Match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "stale_revision")
    now = reviewer.get(f"{API}/{one}").headers["ETag"]
    assert reviewer.post(f"{API}/{one}/decisions", json={"accept": True}, headers={"If-Match": now}).status_code == 200


def test_an_administrator_publishes_without_review_and_the_trail_says_so(site: Site) -> None:
    one = site.resource("draft").id
    assert act(site, "curator", one, "publish") == (409, "not_approved")
    assert act(site, "system_admin", one, "publish") == (200, "published")
    with site.ctx.db.read() as db:
        assert "resource.publish_unreviewed" in db.scalars(select(Audit.what).where(Audit.object == one)).all()


def test_what_failed_in_processing_is_not_handed_in(site: Site) -> None:
    one = site.resource("draft")
    file = site.file(one)
    with site.ctx.db.write() as db:
        db.add(
            Job(
                resource_id=one.id,
                version=1,
                file_id=file.id,
                step="identify",
                step_version=1,
                state="failed",
                error_code="empty_file",
                created_at=site.ctx.clock(),
            )
        )
    assert act(site, "uploader", one.id, "submit") == (409, "processing_failed")
    assert act(site, "system_admin", one.id, "publish") == (409, "processing_failed")


def test_the_queue_holds_what_waits_for_the_one_who_asks(site: Site) -> None:
    waiting = [site.resource(state).id for state in ("submitted", "in_review")]
    site.resource("draft")

    def queue(who: str) -> list[str]:
        return [one["id"] for one in site.client(who).get("/api/v1/queue").json()["items"]]

    for who in ("reviewer", "curator", "institution_admin", "system_admin"):
        assert queue(who) == waiting
    for who in ("uploader", "stranger", "learner", "auditor"):
        assert queue(who) == []
    assert site.client().get("/api/v1/queue").status_code == 401


def test_withdrawal_is_at_once_and_everywhere_but_for_its_people(site: Site) -> None:
    one = site.resource("draft", title="独一无二的嫁接课")
    file = site.file(one)
    act(site, "system_admin", one.id, "publish")
    indexing.drain(site.ctx)
    places = {
        "record": f"{API}/{one.id}",
        "passages": f"{API}/{one.id}/passages",
        "list": API,
        "search": "/api/v1/search?q=独一无二的嫁接课",
        "suggest": "/api/v1/suggest?q=独一无二",
        "media": f"/media/{one.id}/1/{file.path}",
        "feed": "/feed.atom",
        "search feed": "/search/feed.atom?q=独一无二的嫁接课",
        "sitemap": "/sitemaps/resources.xml",
        "page": f"/resources/{one.id}",
    }

    def shown(who: str = "") -> set[str]:
        found = set()
        for name, address in places.items():
            answer = site.client(who).get(address)
            if answer.status_code == 200 and (one.id in answer.text or name == "media" or name == "passages"):
                found.add(name)
        return found

    assert shown() == set(places)
    assert act(site, "uploader", one.id, "withdraw") == (200, "withdrawn")
    assert shown() == set(), "before the index heard of it"
    indexing.drain(site.ctx)
    assert shown() == set()
    assert shown("colleague") == {"record", "passages", "list", "media", "page"}


@pytest.mark.parametrize("body", [{"accept": "maybe"}, {"reason": "x"}, {"accept": True, "extra": 1}, []])
def test_a_decision_is_a_clear_word(site: Site, body: Any) -> None:
    one = site.resource("submitted").id
    assert site.client("reviewer").post(f"{API}/{one}/decisions", json=body).status_code == 422
