"""Collections: ordered references that never copy, and never show what was withdrawn."""

from typing import Any

import pytest

from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases

API = "/api/v1/collections"


def items(*ids: str) -> list[dict[str, str]]:
    return [{"resource_id": one, "note": f"第 {n} 步"} for n, one in enumerate(ids, 1)]


def titles(answer: Any) -> list[str]:
    return [one["resource"]["title"] for one in answer.json()["items"]]


def test_made_ordered_and_taken_apart_by_curators(site: Site) -> None:
    ids = [site.resource(title=title).id for title in "甲乙丙丁"]
    curator = site.client("curator")
    made = curator.post(API, json={"title": "嫁接入门", "state": "published", "items": items(*ids[:3])})
    assert made.status_code == 201
    address, etag = made.headers["location"], made.headers["etag"]
    assert titles(site.client().get(address)) == ["甲", "乙", "丙"]
    turned = curator.patch(address, json={"items": items(ids[2], ids[0])}, headers={"If-Match": etag})
    assert titles(turned) == ["丙", "甲"]
    assert [one["position"] for one in turned.json()["items"]] == [1, 2]
    assert curator.patch(address, json={"title": "x"}, headers={"If-Match": etag}).status_code == 412
    assert titles(curator.post(f"{address}/items", json={"resource_id": ids[3]})) == ["丙", "甲", "丁"]
    again = curator.post(f"{address}/items", json={"resource_id": ids[3]})
    assert (again.status_code, again.json()["code"]) == (409, "already_in_collection")
    assert curator.delete(address).status_code == 204
    assert curator.get(address).status_code == 404
    assert site.client().get(f"/api/v1/resources/{ids[0]}").status_code == 200


def test_what_is_withdrawn_leaves_the_public_view_and_comes_back(site: Site) -> None:
    one, two = site.resource(title="留"), site.resource(title="去")
    curator = site.client("curator")
    made = curator.post(API, json={"title": "专题", "state": "published", "items": items(one.id, two.id)})
    address = made.headers["location"]
    site.client("uploader").post(f"/api/v1/resources/{two.id}/withdraw")
    assert titles(site.client().get(address)) == ["留"]
    assert site.client().get(API).json()["items"][0]["count"] == 1
    assert titles(curator.get(address)) == ["留", "去"]
    kept = curator.patch(address, json={"items": items(two.id, one.id)}, headers={"If-Match": "*"})
    assert titles(kept) == ["去", "留"]


def test_only_what_the_curator_sees_goes_in(site: Site) -> None:
    elsewhere = site.resource("draft")
    site.resource()
    with site.ctx.db.write() as db:
        db.merge(elsewhere).institution_id = site.other.id
    made = site.client("curator").post(API, json={"title": "专题", "items": items(elsewhere.id)})
    assert (made.status_code, made.json()["errors"][0]["code"]) == (422, "unknown_resource")
    twice = site.client("curator").post(API, json={"title": "专题", "items": items(elsewhere.id, elsewhere.id)})
    assert twice.status_code == 422


def test_drafts_are_listed_for_curators_alone(site: Site) -> None:
    site.client("curator").post(API, json={"title": "草稿"})
    assert site.client().get(API).json()["items"] == []
    assert [one["title"] for one in site.client("curator").get(API).json()["items"]] == ["草稿"]


def test_the_picture_of_a_collection_is_the_first_that_the_public_sees(site: Site) -> None:
    bare, draft, shown, later = (site.resource(title=title) for title in "甲乙丙丁")
    for row in (later, shown, draft):
        site.file(row, b"x", role="thumbnail", path="made/thumbnail.webp", media_type="image/webp")
    curator = site.client("curator")
    kept = items(bare.id, draft.id, shown.id, later.id)
    address = curator.post(API, json={"title": "满", "state": "published", "items": kept}).headers["location"]
    curator.post(API, json={"title": "空", "state": "published"})
    site.client("uploader").post(f"/api/v1/resources/{draft.id}/withdraw")
    listed = site.client().get(API).json()["items"]
    assert [(one["title"], one["count"]) for one in listed] == [("空", 0), ("满", 3)]
    assert listed[0]["thumbnail_url"] is None
    assert listed[1]["thumbnail_url"] == f"/media/{shown.id}/1/made/thumbnail.webp"
    assert site.client().get(address).json()["thumbnail_url"] == listed[1]["thumbnail_url"]
