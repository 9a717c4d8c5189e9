"""Query strings that no person types: control characters, and more than can be kept."""

from urllib.parse import urlencode

import pytest

from repo_service.services import indexing
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases
KEPT = "/api/v1/me/searches"


@pytest.mark.parametrize("name", ["q", "subject", "institution", "division", "kind", "year"])
@pytest.mark.parametrize("path", ["/search", "/api/v1/search", "/search/feed.atom"])
def test_a_nul_finds_nothing_and_breaks_nothing(site: Site, path: str, name: str) -> None:
    """PostgreSQL takes no text with a NUL; an answer without the filter would be a wrong one."""
    row = site.resource(title="剪纸")
    with site.ctx.db.write() as session:
        indexing.touch(session, site.ctx, session.merge(row), visibility=True)
    assert indexing.drain(site.ctx) == 1
    answer = site.client().get(path, params={"q": "学科:\x00 剪纸", name: "剪\x00纸"})
    assert answer.status_code == 200
    if path.startswith("/api/"):
        assert answer.json()["total"] == (name == "q")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/suggest?q=%00",
        "/opensearch/suggest?q=%00",
        "/institutions?q=%00",
        "/api/v1/institutions?division=%00",
        "/api/v1/resources?institution=%00",
        "/institutions/%00",
        "/collections/%00",
        "/resources/%00",
    ],
)
def test_a_nul_is_nowhere_an_error_of_ours(site: Site, path: str) -> None:
    assert site.client().get(path).status_code in (200, 400, 404, 422)


def test_a_search_with_a_nul_is_kept_without_it(site: Site) -> None:
    made = site.client("learner").post(KEPT, json={"address": "q=%00x"})
    assert (made.status_code, made.json()["name"].strip()) == (201, "x")


def test_a_search_that_is_too_long_is_refused_rather_than_kept_without_its_filters(site: Site) -> None:
    client = site.client("learner")
    refused = client.post(KEPT, json={"address": f"q={'剪' * 300}&subject=0809"})
    assert refused.status_code == 422
    assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [("address", "too_long")]
    address = urlencode({"q": "剪" * 200, "subject": "0809"})
    kept = client.post(KEPT, json={"address": address}).json()
    assert kept["url"] == f"/search?{address}"
