"""The description of the API is the API, refusals have one form, and no route goes without a declared right."""

import json
import re

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from repo_service import errors
from repo_service.api.errors import BY_CODE, FRAMEWORK, TABLE, refusal_of
from repo_service.app import Unguarded, check_guards, described
from repo_service.web.messages import ALL
from tests.repo_service.api import snapshot
from tests.repo_service.api.conftest import Site

COMMITTED = snapshot.PLACE


def test_the_committed_description_is_the_served_one(site: Site) -> None:
    """After a change on purpose: ``make docs`` writes the file anew."""
    served = site.client().get("/openapi.json").json()
    assert served == json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert served == described(site.app)


def test_every_operation_is_described_and_declares_its_refusals(site: Site) -> None:
    for path, item in site.client().get("/openapi.json").json()["paths"].items():
        for method, operation in item.items():
            assert operation.get("description"), (method, path)
            assert operation["operationId"]
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert list(response["content"]) == ["application/problem+json"], (method, path, status)


def test_every_route_of_the_api_is_in_the_description(site: Site) -> None:
    described_paths = set(site.client().get("/openapi.json").json()["paths"])
    for context in iter_route_contexts(site.app.routes):
        if isinstance(context.original_route, APIRoute) and str(context.path).startswith("/api/"):
            assert str(context.path).replace(":path}", "}") in described_paths


def test_the_application_does_not_start_with_a_route_that_declares_no_right(site: Site) -> None:
    check_guards(site.app)
    app, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()

    @router.get("/open")
    def forgotten() -> None: ...

    app.include_router(router, prefix="/x")
    with pytest.raises(Unguarded, match="/x/open"):
        check_guards(app)


def every_error(parent: type[errors.XuehaiError] = errors.XuehaiError) -> list[type[errors.XuehaiError]]:
    return [parent, *(one for child in parent.__subclasses__() for one in every_error(child))]


def test_every_error_has_a_row_and_a_sentence() -> None:
    for kind in every_error():
        refusal = refusal_of(kind())
        assert 400 <= refusal.status < 600
        if kind is not errors.Misconfigured:
            assert refusal.code in ALL, refusal.code
    assert {*FRAMEWORK.values(), *BY_CODE, "internal", "unknown_host"} <= set(ALL)
    assert all(400 <= status < 600 for status in TABLE.values())


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("DELETE", "/api/v1/resources", 405, "method_not_allowed"),
        ("GET", "/api/v1/resources/x", 422, "invalid"),
        ("GET", "/api/v1/resources?limit=0", 422, "invalid"),
        ("POST", "/api/v1/resources", 401, "unauthenticated"),
    ],
)
def test_refusals_of_the_framework_are_problems_too(site: Site, method: str, path: str, status: int, code: str) -> None:
    answer = site.client().request(method, path)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert set(problem) >= {"type", "title", "status", "code", "detail", "errors", "request_id"}


def test_bodies_that_are_none(site: Site) -> None:
    client = site.client("uploader", **{"Content-Type": "application/json"})
    broken = client.post("/api/v1/resources", content=b'{"title": ')
    assert (broken.status_code, broken.json()["code"]) == (400, "invalid")
    huge = client.post("/api/v1/resources", content=b'"' + b"x" * (3 * 2**20) + b'"')
    assert (huge.status_code, huge.json()["code"]) == (413, "too_large")
    streamed = client.post("/api/v1/resources", content=iter([b"x" * 2**20] * 3))
    assert (streamed.status_code, streamed.json()["code"]) == (413, "too_large")
    deep = client.post("/api/v1/resources", content=b"[" * 100_000)
    assert deep.status_code in (400, 422)


def test_sentences_follow_the_language_of_the_request(site: Site) -> None:
    def title(**headers: str) -> str:
        return str(site.client(**headers).get("/api/v1/nowhere").json()["title"])

    english, chinese = title(), title(**{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert english.isascii()
    assert not chinese.isascii()
    assert title(**{"Accept-Language": "fr, en;q=0.3, zh;q=0.2"}) == english
    assert title(**{"Accept-Language": "tlh"}) == chinese
    assert site.client().get("/api/v1/nowhere?lang=zh").json()["title"] == chinese
    assert title(Cookie="lang=zh") == chinese


def test_people_get_a_page_and_programs_a_problem(site: Site) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = site.client().get("/nowhere", headers=browser)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert site.client().get("/api/v1/nowhere", headers=browser).headers["content-type"] == "application/problem+json"


def test_answers_are_framed(site: Site) -> None:
    for path in ("/api/v1/resources", "/nowhere", "/docs", "/static/icon.svg"):
        headers = site.client().get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"]
        assert headers["x-request-id"]
    given = site.client().get("/healthz", headers={"X-Request-ID": "my-request-1"})
    assert given.headers["x-request-id"] == "my-request-1"
    forged = site.client().get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


def test_text_is_packed_but_not_beside_a_session(site: Site) -> None:
    client = site.client(**{"Accept-Encoding": "gzip"})
    assert client.get("/openapi.json").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/openapi.json", headers={"Cookie": "xuehai_session=x"}).headers


def test_built_files_with_their_stamp_are_kept_for_ever(site: Site) -> None:
    kept = [site.client().get(f"/static/icon.svg{query}").headers["cache-control"] for query in ("", "?v=1")]
    assert kept == ["public, max-age=3600", "public, max-age=31536000, immutable"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("192.168.1.7:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("", 400),
        ("[", 400),
    ],
)
def test_only_known_hosts_are_served(site: Site, host: str, status: int) -> None:
    assert site.client().get("/healthz", headers={"Host": host}).status_code == status


def test_the_manual_needs_nothing_from_elsewhere(site: Site) -> None:
    page = site.client().get("/docs").text
    assert "://" not in page
    assert all(address.startswith(("/", "#")) for address in re.findall(r'(?:src|href)="([^"]*)', page))
    assert "/api/v1/resources/{resource_id}" in page
    for code in ("not_found", "stale_revision"):
        assert f'id="{code}"' in page


def test_the_state_of_the_service(site: Site) -> None:
    site.resource("draft")
    client = site.client()
    ready = client.get("/readyz")
    assert {check["name"] for check in ready.json()["checks"]} == {"database", "schema", "store", "index", "sandbox"}
    assert ready.status_code == (200 if ready.json()["ready"] else 503)
    text = client.get("/metrics").text
    assert 'xuehai_resources{state="draft"} 1.0' in text
    assert 'route="/readyz"' in text
