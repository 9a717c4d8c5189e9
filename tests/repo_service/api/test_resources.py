"""Records over HTTP: made once, changed on top of what was seen, listed by pages that do not shift."""

import itertools
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from repo_service.models import Counter, Job, Outbox, Passage, Resource
from repo_service.services import catalog, sessions
from repo_service.services.drafts import ResourceDraft
from repo_service.services.paging import decode, encode
from tests import support
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases

DRAFT: dict[str, Any] = {
    "title": "桃树芽接与嫁接技术",
    "institution": "home",
    "description": "从选砧木到绑缚",
    "kinds": ["rural_adults"],
    "subjects": ["S66", "elder-smartphone"],
    "licence": "CC-BY-SA-4.0",
    "vocational": True,
    "year": 2026,
}
API = "/api/v1/resources"


def test_a_draft_is_what_was_sent(site: Site) -> None:
    client = site.client("uploader")
    answer = client.post(API, json=DRAFT)
    assert answer.status_code == 201, answer.text
    record = answer.json()
    assert answer.headers["location"] == f"{API}/{record['id']}"
    assert DRAFT.items() <= record.items()
    assert (record["state"], record["processing"], record["metadata_rev"], record["version"]) == ("draft", "none", 1, 1)
    assert uuid.UUID(record["id"]).version == 7
    assert client.get(answer.headers["location"]).json() == record
    assert {"edit", "upload", "submit"} <= set(record["can"])
    assert site.client().get(answer.headers["location"]).status_code == 404


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"title": ""}, "body.title"),
        ({"title": "　 "}, "body.title"),
        ({"title": "a\x00b"}, "body.title"),
        ({"title": "\ud800"}, "body.title"),
        ({"licence": "MIT"}, "body.licence"),
        ({"kinds": ["king"]}, "body.kinds.0"),
        ({"subjects": ["S66", "no-such-class"]}, "subjects"),
        ({"institution": "nowhere"}, "institution"),
        ({"year": 99999}, "body.year"),
        ({"language": "中文"}, "body.language"),
        ({"unknown": 1}, "body.unknown"),
    ],
)
def test_wrong_fields_are_named(site: Site, fields: dict[str, Any], wrong: str) -> None:
    body = json.dumps(DRAFT | fields)  # with escapes: half a character can come only so
    answer = site.client("uploader", **{"Content-Type": "application/json"}).post(API, content=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert wrong in {one["field"] for one in answer.json()["errors"]}


def test_an_uploader_gives_only_for_the_own_institution(site: Site) -> None:
    assert site.client("uploader").post(API, json=DRAFT | {"institution": "other"}).status_code == 403
    assert site.client("learner").post(API, json=DRAFT).status_code == 403
    assert site.client().post(API, json=DRAFT).status_code == 401
    assert site.client("system_admin").post(API, json=DRAFT).status_code == 201


def test_the_same_request_under_one_key_makes_one_record(site: Site) -> None:
    client = site.client("uploader")
    headers = {"Idempotency-Key": "order-1"}
    first, second = (client.post(API, json=DRAFT, headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert client.post(API, json=DRAFT | {"title": "另一门课"}, headers=headers).status_code == 409
    other = site.client("colleague").post(API, json=DRAFT, headers=headers)
    assert other.json()["id"] != first.json()["id"]


def test_the_same_request_at_once_makes_one_record_too(site: Site) -> None:
    """A client that waited too long and asked again, while the first request was still at work."""
    with site.ctx.db.read() as session:
        actor = sessions.actor_of_user(session, site.people["uploader"].id)
    assert actor is not None
    draft = ResourceDraft.model_validate(DRAFT | {"external_id": "A-1"})
    with ThreadPoolExecutor(6) as pool:
        made = [pool.submit(catalog.create, site.ctx, actor, draft, idempotency_key="order-1") for _ in range(6)]
        assert len({one.result().id for one in made}) == 1


def test_an_external_id_is_taken_once_in_an_institution(site: Site) -> None:
    client = site.client("uploader")
    assert client.post(API, json=DRAFT | {"external_id": "A-1"}).status_code == 201
    again = client.post(API, json=DRAFT | {"external_id": "A-1"})
    assert (again.status_code, again.json()["code"]) == (409, "external_id_taken")
    assert len(client.get(API, params={"external_id": "A-1"}).json()["items"]) == 1


def test_a_change_names_the_revision_that_it_is_based_on(site: Site) -> None:
    client = site.client("uploader")
    made = client.post(API, json=DRAFT)
    address, etag = made.headers["location"], made.headers["etag"]
    assert client.patch(address, json={"title": "新"}).status_code == 428
    changed = client.patch(address, json={"title": "新"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert (changed.json()["title"], changed.json()["metadata_rev"]) == ("新", 2)
    assert changed.json()["description"] == DRAFT["description"]
    stale = client.patch(address, json={"title": "旧"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["code"], stale.json()["current"]) == (412, "stale_revision", 2)
    both = client.patch(address, json={"title": "再"}, headers={"If-Match": f'"7", {changed.headers["etag"]}'})
    assert both.json()["metadata_rev"] == 3
    assert client.patch(address, json={"title": "任"}, headers={"If-Match": "*"}).json()["metadata_rev"] == 4
    same = client.patch(address, json={"title": "任"}, headers={"If-Match": "*"})
    assert same.json()["metadata_rev"] == 4, "a change that changes nothing is no revision"


@pytest.mark.parametrize("tag", ['W/"1"', "1", '"abc"', '"-1"', '"1e0"', '"' + "9" * 400 + '"', '"é"', ","])
def test_tags_that_are_not_ours_match_nothing(site: Site, tag: str) -> None:
    resource = site.resource("draft")
    answer = site.client("uploader").patch(
        f"{API}/{resource.id}", json={"title": "新"}, headers={b"If-Match": tag.encode("latin-1")}
    )
    assert answer.status_code == 412


def test_visitors_that_hold_it_are_answered_304(site: Site) -> None:
    resource = site.resource()
    client = site.client()
    first = client.get(f"{API}/{resource.id}")
    again = client.get(f"{API}/{resource.id}", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    site.client("uploader").patch(f"{API}/{resource.id}", json={"title": "新"}, headers={"If-Match": "*"})
    after = client.get(f"{API}/{resource.id}", headers={"If-None-Match": first.headers["etag"]})
    assert after.json()["title"] == "新"
    desk = site.client("uploader").get(f"{API}/{resource.id}", headers={"If-None-Match": "*"})
    assert (desk.status_code, desk.headers["cache-control"]) == (200, "private, no-store")


def test_an_edit_reaches_the_index_and_raises_the_epoch_only_where_the_public_sees_it(site: Site) -> None:
    def moved(state: str) -> tuple[int, int]:
        resource = site.resource(state)
        site.client("uploader").patch(f"{API}/{resource.id}", json={"title": "新"}, headers={"If-Match": "*"})
        with site.ctx.db.read() as db:
            waiting = db.scalars(select(Outbox).where(Outbox.aggregate == resource.id)).all()
            epoch = db.get(Counter, "catalogue_epoch")
        return len(waiting), epoch.value if epoch else 0

    assert moved("draft") == (1, 0)
    assert moved("published") == (1, 1)


def test_pages_of_a_list_show_each_row_once_and_link_to_the_next(site: Site) -> None:
    made = [site.resource(title=f"课 {n}").id for n in range(7)]
    client = site.client()
    seen: list[str] = []
    address: str | None = f"{API}?limit=3&institution=home"
    pages = 0
    while address:
        answer = client.get(address)
        seen += [one["id"] for one in answer.json()["items"]]
        address = str(answer.links["next"]["url"]) if "next" in answer.links else None
        pages += 1
        if pages == 1:
            site.resource(title="later")  # what comes meanwhile does not move the rows
    assert (seen, pages) == (made[::-1], 3)


def test_lists_hold_what_one_may_know_of(site: Site, states: dict[str, Resource]) -> None:
    def listed(who: str, **params: Any) -> set[str]:
        return {one["id"] for one in site.client(who).get(API, params={"limit": 100, **params}).json()["items"]}

    everything = {row.id for row in states.values()}
    public = {states["published"].id}
    assert listed("") == listed("stranger") == listed("learner") == public
    for who in ("uploader", "colleague", "curator", "reviewer", "auditor", "system_admin"):
        assert listed(who) == everything
    assert listed("uploader", mine=True) == everything
    assert listed("colleague", mine=True) == set()
    assert listed("uploader", state="draft") == {states["draft"].id}
    assert listed("", state="draft") == set()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!",
        "é",
        encode(1),
        encode("a", "b"),
        encode("\x00"),
        encode(2**70),
        "W10",
        "bnVsbA",
        "A" * 600,
        "W1sxXV0",
        encode("' OR 1=1 --"),
    ],
)
def test_hostile_cursors_are_refused_or_harmless(site: Site, cursor: str) -> None:
    for path in ("resources", "collections", "institutions", "divisions", "subjects", "search"):
        answer = site.client().get(f"/api/v1/{path}", params={"cursor": cursor})
        assert answer.status_code in (200, 400), (path, answer.text)
        if answer.status_code == 400:
            assert answer.json()["code"] in ("bad_cursor", "stale_cursor", "too_deep")


def test_an_empty_cursor_asks_for_the_first_page(site: Site) -> None:
    for path in ("resources", "institutions", "search"):
        assert site.client().get(f"/api/v1/{path}", params={"cursor": ""}).status_code == 200


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.text(st.characters(categories=["L", "N", "P"]), max_size=20), st.integers(0, 2**62))))
def test_cursors_come_back_as_they_were(key: list[str | int]) -> None:
    assert decode(encode(*key), *map(type, key)) == key


@pytest.mark.parametrize(
    "identity", ["x", "..", "%00", "0" * 36, "’", "019394ff-ffff-7000-8000-00000000000G", "a" * 5000]
)
def test_ids_that_are_none_are_refused(site: Site, identity: str) -> None:
    answer = site.client("system_admin").get(f"{API}/{identity}")
    assert answer.status_code in (404, 422)
    assert answer.json()["status"] == answer.status_code


def test_unknown_and_forbidden_are_the_same_answer(site: Site) -> None:
    hidden = site.resource("draft")
    client = site.client("stranger")
    answers = [client.get(f"{API}/{one}").json() for one in (hidden.id, str(uuid.uuid4()))]
    for one in answers:
        one.pop("request_id")
    assert answers[0] == answers[1]


def test_passages_come_in_order_with_their_addresses(site: Site) -> None:
    resource = site.resource()
    file = site.file(resource)
    with site.ctx.db.write() as db:
        for n in range(5):
            db.add(
                Passage(
                    resource_id=resource.id,
                    version=1,
                    file_id=file.id,
                    step="captions",
                    ordinal=n,
                    kind="cue",
                    language="zh" if n % 2 == 0 else "en",
                    start=n * 2.5,
                    end=n * 2.5 + 2,
                    text=f"第 {n} 句",
                )
            )
    client = site.client()
    address = client.get(f"{API}/{resource.id}").json()["passages_url"]
    pages = [client.get(address, params={"limit": 2}).json()]
    while pages[-1]["next_cursor"]:
        pages.append(client.get(address, params={"limit": 2, "cursor": pages[-1]["next_cursor"]}).json())
    found = list(itertools.chain.from_iterable(one["items"] for one in pages))
    assert [one["text"] for one in found] == [f"第 {n} 句" for n in range(5)]
    assert found[1]["url"] == f"/resources/{resource.id}?t=2.5"
    assert len(client.get(address, params={"language": "en"}).json()["items"]) == 2
    assert client.get(address, params={"kind": "page"}).json()["items"] == []


def test_files_jobs_and_playback_are_in_the_record(site: Site) -> None:
    resource = site.resource(duration=12.5, media_kind="video")
    source = site.file(resource)
    made = {
        "hls/master.m3u8": ("hls", "application/vnd.apple.mpegurl", {}),
        "hls/480p.m3u8": ("hls", "application/vnd.apple.mpegurl", {}),
        "poster.jpg": ("poster", "image/jpeg", {}),
        "captions/zh.vtt": ("captions_vtt", "text/vtt", {"language": "zh-Hans", "label": "中文"}),
    }
    for path, (role, media_type, attributes) in made.items():
        site.file(
            resource,
            path.encode(),
            path=path,
            role=role,
            media_type=media_type,
            source_id=source.id,
            attributes=attributes,
        )
    with site.ctx.db.write() as db:
        db.add(
            Job(
                resource_id=resource.id,
                version=1,
                file_id=source.id,
                step="transcode",
                step_version=1,
                state="failed",
                error_code="no_space",
                error_detail="disk full",
                created_at=site.ctx.clock(),
            )
        )
    public = site.client().get(f"{API}/{resource.id}").json()
    base = f"/media/{resource.id}/1"
    assert public["playback"]["hls_url"] == f"{base}/hls/master.m3u8"
    assert public["playback"]["poster_url"] == public["thumbnail_url"] == f"{base}/poster.jpg"
    assert public["playback"]["captions"] == [
        {"language": "zh-Hans", "label": "中文", "url": f"{base}/captions/zh.vtt"}
    ]
    assert public["playback"]["duration"] == 12.5
    assert public["jobs"] == []
    assert len(public["files"]) == 5
    desk = site.client("uploader").get(f"{API}/{resource.id}").json()
    assert desk["jobs"][0]["error"] == {"code": "no_space", "detail": "disk full"}
    assert desk["processing"] in ("failed", "partial")


def test_a_file_can_be_taken_away_but_not_the_last_one_of_what_is_published(site: Site) -> None:
    resource = site.resource()
    source = site.file(resource)
    attachment = site.file(resource, b"extra", path="given/a", role="attachment", name="a.zip")
    product = site.file(resource, b"p", path="p", role="thumbnail", source_id=attachment.id, media_type="image/png")
    client = site.client("uploader")
    address = f"{API}/{resource.id}/files"
    assert site.client("stranger").delete(f"{address}/{attachment.id}").status_code == 403
    assert client.delete(f"{address}/{product.id}").status_code == 404
    assert client.delete(f"{address}/{attachment.id}").status_code == 204
    assert [one["id"] for one in client.get(f"{API}/{resource.id}").json()["files"]] == [source.id]
    last = client.delete(f"{address}/{source.id}")
    assert (last.status_code, last.json()["code"]) == (409, "last_source")


def test_a_step_that_did_not_fail_is_not_tried_again(site: Site) -> None:
    resource = site.resource("draft")
    answer = site.client("uploader").post(f"{API}/{resource.id}/jobs/identify/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "step_not_failed")


def test_other_institutions_do_not_share_external_ids(site: Site) -> None:
    support.resource(site.ctx, site.other, external_id="A-1")
    assert site.client("uploader").post(API, json=DRAFT | {"external_id": "A-1"}).status_code == 201
