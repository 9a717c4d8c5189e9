"""The search of the catalogue over HTTP, as other institutions' programs use it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from repo_service.app import create_app
from repo_service.context import Context
from repo_service.models import Resource
from repo_service.services import indexing, paging
from tests import support
from tests.search.test_query import MONSTERS


@pytest.fixture
def client(ctx: Context) -> Iterator[TestClient]:
    """A site with five lectures."""
    school = support.institution(ctx)
    for number in range(5):
        row = support.resource(ctx, school, f"計算機網路第{number}講", state="published", published_at=ctx.clock())
        with ctx.db.write() as session:
            indexing.touch(session, ctx, session.get_one(Resource, row.id), visibility=True)
    indexing.drain(ctx)
    with TestClient(create_app(ctx), base_url=ctx.settings.public_url) as made:
        yield made


def test_pages_follow_links_to_the_end(client: TestClient) -> None:
    seen: list[str] = []
    address: str | None = "/api/v1/search?q=计算机网络&limit=2"
    while address:
        answer = client.get(address)
        assert answer.status_code == 200
        page = answer.json()
        assert (page["total"], page["degraded"]) == (5, False)
        seen += [hit["id"] for hit in page["hits"]]
        address = answer.links["next"]["url"] if "next" in answer.links else None
    assert len(set(seen)) == len(seen) == 5
    assert page["hits"][0]["highlighted"].startswith("<mark>計算機網路</mark>")
    assert [value["count"] for value in page["facets"]["institution"]] == [5]


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/suggest", "/search", "/search/feed.atom"])
def test_no_query_is_refused(client: TestClient, path: str) -> None:
    for typed in MONSTERS:
        text = typed.encode("utf-8", "replace").decode()
        assert client.get(path, params={"q": text[:5_000]}).status_code == 200, typed[:20]


def test_too_deep_is_refused_with_advice(client: TestClient) -> None:
    generation = client.get("/api/v1/search").json()["generation"]
    answer = client.get("/api/v1/search", params={"cursor": paging.encode(generation, 10_000)})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_deep")
    stale = client.get("/api/v1/search", params={"cursor": paging.encode("g0", 2)})
    assert (stale.status_code, stale.json()["code"]) == (400, "stale_cursor")
