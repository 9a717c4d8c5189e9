"""What machines look for at fixed addresses is well-formed, complete, and public only."""

import pytest
from lxml import etree

from repo_service.services import indexing, publicity
from search.errors import SearchUnavailable
from search.model import Answer
from tests.repo_service.api.conftest import BASE, Site
from tests.search.test_costs import asked

NAMES = {
    "a": "http://www.w3.org/2005/Atom",
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "o": "http://a9.com/-/spec/opensearch/1.1/",
}


def found(site: Site, address: str, path: str) -> list[str]:
    answer = site.client().get(address)
    assert answer.status_code == 200, answer.text
    nodes = etree.fromstring(answer.content).xpath(path, namespaces=NAMES)
    assert isinstance(nodes, list)
    return [str(node) for node in nodes]


def test_sitemaps_lead_to_every_public_thing(site: Site) -> None:
    shown, hidden = site.resource().id, site.resource("draft").id
    made = site.client("curator").post("/api/v1/collections", json={"title": "专题", "state": "published"}).json()
    maps = found(site, "/sitemap.xml", "//s:loc/text()")
    assert maps == [f"{BASE}/sitemaps/pages.xml", f"{BASE}/sitemaps/resources.xml?after="]
    listed = [one for address in maps for one in found(site, address.removeprefix(BASE), "//s:loc/text()")]
    assert {f"{BASE}/", f"{BASE}/institutions/home", f"{BASE}/collections/{made['id']}"} <= set(listed)
    assert f"{BASE}/resources/{shown}" in listed
    assert not any(hidden in one for one in listed)


def test_a_sitemap_asks_for_no_more_of_collections_than_it_says(site: Site) -> None:
    held = [{"resource_id": site.resource(title=title).id} for title in "甲乙"]
    for title in ("一", "二"):
        site.client("curator").post(
            "/api/v1/collections", json={"title": title, "state": "published", "items": held}
        ).raise_for_status()
    with asked(site.ctx) as statements:
        listed = found(site, "/sitemaps/pages.xml", "//s:loc/text()")
    assert len([one for one in listed if one.startswith(f"{BASE}/collections/")]) == 2
    (about,) = (one for one, _ in statements if "collection" in one)
    assert about.partition("FROM")[0].split() == ["SELECT", "collection.id,", "collection.updated_at"]
    assert "collection_item" not in about


def test_a_large_catalogue_has_more_than_one_sitemap(site: Site) -> None:
    ids = sorted(site.resource(title=str(n)).id for n in range(7))
    size = 3
    starts = publicity.starts(site.ctx, size)
    assert starts == ["", ids[2], ids[5]]
    portions = [publicity.published_after(site.ctx, start, size) for start in starts]
    assert [one for portion in portions for one, _ in portion] == ids


def test_the_feed_of_a_search(site: Site) -> None:
    one = site.resource("draft", title="桃树嫁接 <b>&\x07", description="芽接")
    site.resource(title="豫剧唱腔")
    site.client("system_admin").post(f"/api/v1/resources/{one.id}/publish")
    indexing.drain(site.ctx)
    address = "/search/feed.atom?q=嫁接"
    assert found(site, address, "//a:entry/a:id/text()") == [f"urn:uuid:{one.id}"]
    assert found(site, address, "//a:entry/a:title/text()") == ["桃树嫁接 <b>&"]
    assert found(site, address, "//a:entry/a:link/@href") == [f"{BASE}/resources/{one.id}"]
    assert found(site, address, "//a:entry/a:author/a:name/text()") == ["郑州职业学院"]
    assert found(site, address, "/a:feed/a:title/text()") == ["Xuehai: 嫁接"]
    narrowed = "/search/feed.atom?q=嫁接&licence=CC-BY-4.0&language=zh-Hans&lang=zh&cursor="
    assert found(site, narrowed, "/a:feed/a:title/text()") == ["学海：嫁接 · 简体中文 · CC BY 署名"]
    (page,) = found(site, narrowed, "/a:feed/a:link[@rel='alternate']/@href")
    assert page == f"{BASE}/search?q=%E5%AB%81%E6%8E%A5&language=zh-Hans&licence=CC-BY-4.0"
    assert found(site, "/feed.atom", "/a:feed/a:link[@rel='alternate']/@href") == [f"{BASE}/"]
    assert len(found(site, "/feed.atom", "//a:entry/a:id/text()")) == 2
    first = site.client().get(address)
    assert first.headers["content-type"] == "application/atom+xml"


def test_while_search_is_away_a_feed_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever collects feeds keeps what they get: half an answer would be taken for the whole one."""

    def away(_query: object) -> Answer:
        raise SearchUnavailable("away")

    monkeypatch.setattr(site.ctx.index, "search", away)
    assert site.client().get("/api/v1/search?q=嫁接").json()["degraded"]
    answer = site.client().get("/search/feed.atom?q=嫁接")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_newest_feed_is_answered_304(site: Site) -> None:
    site.resource()
    first = site.client().get("/feed.atom")
    again = site.client().get("/feed.atom", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_small_documents(site: Site) -> None:
    client = site.client()
    assert f"Sitemap: {BASE}/sitemap.xml" in client.get("/robots.txt").text
    assert found(site, "/opensearch.xml", "//o:Url/@template")[0] == f"{BASE}/search?q={{searchTerms}}"
    assert client.get("/.well-known/security.txt").text.startswith(f"Contact: {BASE}/")
    manifest = client.get("/manifest.webmanifest")
    assert manifest.json()["start_url"] == "/"
    assert client.get(manifest.json()["icons"][0]["src"]).status_code == 200
    assert client.get("/opensearch/suggest?q=x").json() == ["x", []]
    for address in ("/robots.txt", "/sitemap.xml", "/feed.atom", "/healthz"):
        head = client.head(address)
        assert (head.status_code, head.content) == (200, b"")
