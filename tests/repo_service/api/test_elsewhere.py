"""Where the store is an S3 server: large files come from it by addresses of a minute, everything else from here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from repo_service import wiring
from repo_service.api.media import FAR_BYTES
from repo_service.app import create_app, create_content_app
from repo_service.migrations import run
from repo_service.services import seed
from repo_service.settings import Settings
from tests import support
from tests.repo_service.api.conftest import BASE, Site

FILM = bytes(range(256)) * (FAR_BYTES // 256)

pytestmark = pytest.mark.xdist_group("servers")


@pytest.fixture(params=["minio", "versitygw"])
def site(request: pytest.FixtureRequest, new_bucket: Callable[[str], str], tmp_path: Path) -> Iterator[Site]:
    """A site whose objects lie on a server."""
    ctx = wiring.build(Settings(data_dir=tmp_path / "data", storage_url=new_bucket(request.param)), index_writer=True)
    run.upgrade(ctx.db)
    seed.seed(ctx.db)
    home = support.institution(ctx, "home")
    made = Site(ctx, create_app(ctx), home, home)
    made.people["uploader"] = support.user(ctx, "uploader@example.cn", in_=home)
    yield made
    ctx.close()


def get(app: FastAPI, address: str, method: str = "GET", **headers: str) -> httpx2.Response:
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    return client.request(method, address, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_film_comes_from_the_store_in_any_range_under_its_own_name(site: Site) -> None:
    resource = site.resource()
    address = f"/media/{resource.id}/1/{site.file(resource, FILM).path}"
    answer = get(site.app, address, Range="bytes=5-9", Sec_Fetch_Mode="no-cors")
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    there = answer.headers["location"]
    assert int(parse_qs(urlsplit(there).query)["X-Amz-Expires"][0]) <= 60
    part = httpx2.get(there, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, FILM[5:10])
    whole = httpx2.get(there)
    assert whole.content == FILM
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["content-disposition"] == "inline; filename*=UTF-8''%E8%AF%BE%20%E4%B8%80.mp4"


def test_what_is_taken_away_comes_as_an_attachment(site: Site) -> None:
    resource = site.resource()
    small = site.file(resource, b"%PDF-1.7", name="讲义.pdf", media_type="application/pdf")
    answer = get(site.app, f"/media/{resource.id}/1/{small.path}?download=1")
    assert answer.status_code == 307
    sent = httpx2.get(answer.headers["location"])
    assert sent.content == b"%PDF-1.7"
    assert sent.headers["content-disposition"] == "attachment; filename*=UTF-8''%E8%AE%B2%E4%B9%89.pdf"


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Mode": "cors"}, {"If_Range": '"x"'}])
def test_scripts_and_what_goes_on_get_the_bytes_from_here(site: Site, headers: dict[str, str]) -> None:
    resource = site.resource()
    address = f"/media/{resource.id}/1/{site.file(resource, FILM).path}"
    answer = get(site.app, address, **headers)
    assert (answer.status_code, answer.content) == (200, FILM)
    head = get(site.app, address, "HEAD")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(FILM)))
    assert get(site.app, address, If_None_Match=head.headers["etag"]).status_code == 304


@pytest.mark.parametrize("media_type", ["application/vnd.apple.mpegurl", "text/vtt"])
def test_what_names_its_neighbours_stays_among_them(site: Site, media_type: str) -> None:
    resource = site.resource()
    long = site.file(resource, FILM, path="hls/master.m3u8", media_type=media_type)
    assert get(site.app, f"/media/{resource.id}/1/{long.path}").status_code == 200
    small = site.file(resource, b"GIF89a", path="poster", media_type="image/gif")
    assert get(site.app, f"/media/{resource.id}/1/{small.path}").content == b"GIF89a"


def test_courseware_never_leaves_its_sandbox(site: Site) -> None:
    resource = site.resource()
    page = site.file(resource, FILM, media_type="text/html", name="a.html")
    answer = get(create_content_app(site.ctx), f"/media/{resource.id}/1/{page.path}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_pages_may_show_what_lies_there_and_nothing_else(site: Site) -> None:
    policy = get(site.app, "/").headers["content-security-policy"]
    store = f"{urlsplit(site.ctx.settings.storage_url).port}"
    allowed = {part.split()[0] for part in policy.split("; ") if f"http://127.0.0.1:{store}" in part}
    assert allowed == {"img-src", "media-src"}


def test_nothing_is_signed_for_those_who_may_not_see_it(site: Site) -> None:
    hidden = site.resource("draft")
    assert get(site.app, f"/media/{hidden.id}/1/{site.file(hidden, FILM).path}").status_code == 404
