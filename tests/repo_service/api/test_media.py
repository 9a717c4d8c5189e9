"""Bytes at stable addresses: any range, the right names and types, nothing that can act on the site's origin."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from repo_service.api.media import BadRange, disposition, parse_range
from repo_service.app import create_app, create_content_app
from repo_service.models import Resource
from repo_service.storage.port import Chunks, ObjectStore
from tests.repo_service.api.conftest import Site

CONTENT = bytes(range(256)) * 5


def address_of(site: Site, **fields: str) -> str:
    resource = site.resource()
    file = site.file(resource, CONTENT, **fields)
    return f"/media/{resource.id}/1/{quote(file.path)}"


def test_the_whole_with_its_headers(site: Site) -> None:
    answer = site.client().get(address_of(site))
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert len(answer.headers["etag"]) == 66
    assert (
        answer.headers["content-disposition"]
        == "inline; filename=\"_ _.mp4\"; filename*=UTF-8''%E8%AF%BE%20%E4%B8%80.mp4"
    )


class _Watched:
    """A store that keeps what it gave to read."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.given: list[Chunks] = []

    def read(self, key: str, start: int = 0, length: int | None = None) -> Chunks:
        self.given.append(self.store.read(key, start, length))
        return self.given[-1]

    def url(self, key: str, *, filename: str, media_type: str, inline: bool) -> str | None:
        return None


def test_a_player_that_breaks_off_leaves_nothing_open(site: Site) -> None:
    resource = site.resource()
    file = site.file(resource, os.urandom(3_000_000))
    watched = _Watched(site.ctx.store)
    app = create_app(replace(site.ctx, store=watched))  # type: ignore[arg-type]
    sent: list[Message] = []

    async def receive() -> Message:
        while len(sent) < 2:
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        await asyncio.sleep(0.01)

    path = f"/media/{resource.id}/1/{quote(file.path)}"
    asked: Scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path}
    host = (b"host", site.ctx.settings.public_url.partition("//")[2].encode())
    nobody: Scope = {"query_string": b"", "headers": [host], "client": ("127.0.0.1", 9), "scheme": "http"}
    with ThreadPoolExecutor(1) as pool:  # this thread may hold Playwright's loop
        pool.submit(asyncio.run, app({**asked, **nobody}, receive, send)).result()
    assert sent[0]["status"] == 200
    assert len(sent) < 12
    assert list(watched.given[0]) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_range_is_that_slice(site: Site, data: st.DataObject) -> None:
    """Against Python's own slicing: what is asked for is what comes, or 416, or the whole."""
    client, size = site.client(), len(CONTENT)
    address = getattr(site, "_address", None) or address_of(site)
    site.__dict__["_address"] = address
    number = st.integers(0, size * 2)
    first, last = data.draw(st.tuples(st.none() | number, st.none() | number))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    answer = client.get(address, headers={"Range": header})
    if first is None and last is None:
        expected = CONTENT
    elif first is None:
        expected = CONTENT[max(0, size - (last or 0)) :] if last else b""
    else:
        expected = CONTENT[first : None if last is None else last + 1] if last is None or last >= first else CONTENT
    if answer.status_code == 416:
        assert expected == b""
        assert answer.headers["content-range"] == f"bytes */{size}"
        return
    assert answer.content == expected
    assert answer.headers["content-length"] == str(len(expected))
    if answer.status_code == 206:
        start = int(answer.headers["content-range"].removeprefix("bytes ").split("-")[0])
        assert CONTENT[start : start + len(expected)] == expected


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "bytes=a-b", "items=0-1", "bytes", "bytes=--1", "bytes=5-2", ""])
def test_other_range_headers_get_the_whole(site: Site, header: str) -> None:
    answer = site.client().get(address_of(site), headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@given(st.text(max_size=40), st.integers(0, 10**6))
def test_no_header_breaks_the_reading_of_ranges(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except BadRange:
        return
    assert found is None or 0 <= found[0] <= found[1] < size


def test_if_range_and_if_none_match(site: Site) -> None:
    client, address = site.client(), address_of(site)
    etag = client.head(address).headers["etag"]
    ranged = {"Range": "bytes=0-9"}
    assert client.get(address, headers={**ranged, "If-Range": etag}).status_code == 206
    for other in ('"other"', f"W/{etag}", "Mon, 01 Jan 2035 00:00:00 GMT"):
        assert client.get(address, headers={**ranged, "If-Range": other}).status_code == 200
    held = client.get(address, headers={"If-None-Match": f'"x", {etag}'})
    assert (held.status_code, held.content) == (304, b"")


def test_head_says_what_get_would(site: Site) -> None:
    client, address = site.client(), address_of(site)
    for headers in ({}, {"Range": "bytes=5-9"}):
        got, head = client.get(address, headers=headers), client.head(address, headers=headers)
        assert head.content == b""
        assert head.status_code == got.status_code
        for name in ("content-length", "content-type", "etag", "content-disposition", "accept-ranges"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "x/y"])
def test_what_could_hold_scripts_is_only_an_attachment(site: Site, media_type: str) -> None:
    answer = site.client().get(address_of(site, media_type=media_type, name="a.html"))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_content_origin_shows_courseware_in_a_sandbox_to_everybody_alike(site: Site) -> None:
    resource, hidden = site.resource(), site.resource("draft")
    file = site.file(resource, b"<script>1</script>", path="given/a", media_type="text/html", name="a.html")
    site.file(hidden, path="given/b")
    client = TestClient(create_content_app(site.ctx), base_url="http://localhost:8001")
    answer = client.get(f"/media/{resource.id}/1/{file.path}")
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts allow-forms;")
    assert "set-cookie" not in answer.headers
    key = {"Authorization": f"Bearer {site.key('system_admin')}"}
    assert client.get(f"/media/{hidden.id}/1/given/b", headers=key).status_code == 404
    assert client.get("/api/v1/resources").status_code == 404


def test_a_licence_without_copies_lets_people_look_only(site: Site) -> None:
    resource = site.resource(licence="LicenseRef-audience")
    source = site.file(resource)
    page = site.file(resource, b"%PDF", path="given/pdf", media_type="application/pdf")
    product = site.file(resource, b"hls", path="hls/a.mp4", role="hls", source_id=source.id)
    base = f"/media/{resource.id}/1"

    def got(who: str, path: str) -> int:
        return site.client(who).get(f"{base}/{path}").status_code

    assert [got("", path) for path in (product.path, page.path)] == [200, 200]
    assert [got("", path) for path in (source.path, f"{page.path}?download=1", f"{product.path}?download=1")] == [
        403
    ] * 3
    assert got("uploader", f"{source.path}?download=1") == 200


def test_the_public_gets_the_version_that_is_served(site: Site) -> None:
    resource: Resource = site.resource(version=2, served_version=1)
    old, new = (site.file(resource, version=n, path=f"given/{n}") for n in (1, 2))
    for who, statuses in (("", [200, 404]), ("uploader", [200, 200])):
        found = [site.client(who).get(f"/media/{resource.id}/{f.version}/{f.path}").status_code for f in (old, new)]
        assert found == statuses


@pytest.mark.parametrize("path", ["nope", "../../../etc/passwd", "%2e%2e/x", "given%2flesson.mp4%00", "a" * 3000])
def test_paths_are_names_and_nothing_else(site: Site, path: str) -> None:
    resource = site.resource()
    site.file(resource)
    assert site.client().get(f"/media/{resource.id}/1/{path}").status_code in (404, 422)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_names_never_break_out_of_their_header(name: str) -> None:
    said = disposition(name, inline=False)
    assert said.isascii()
    assert said.isprintable()
    assert said.count('"') == 2


def test_bytes_that_are_gone_are_said_to_be_unavailable(site: Site) -> None:
    resource = site.resource()
    file = site.file(resource)
    site.ctx.store.delete(f"blobs/{file.sha256}")
    answer = site.client().get(f"/media/{resource.id}/1/{file.path}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
