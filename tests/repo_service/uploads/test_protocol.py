"""tus 1.0 by its text: each MUST of core and of the extensions that are announced."""

import base64
import hashlib

import pytest

from tests.repo_service.uploads.conftest import OCTETS, Site, content

pytestmark = pytest.mark.both_databases

DATA = content(100_000)


def began(site: Site, length: int | None = len(DATA)) -> str:
    """The address of a new upload."""
    answer = site.client.create(length)
    assert answer.status == 201
    return answer.headers["location"]


def checksum(algorithm: str, data: bytes) -> dict[str, str]:
    digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


def test_options_say_what_is_spoken(served: Site) -> None:
    answer = served.client.ask("OPTIONS", "/files/", bare=True)
    assert answer.status == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "expiration",
        "termination",
    }
    assert {"sha1", "sha256"} <= set(answer.headers["tus-checksum-algorithm"].split(","))
    assert int(answer.headers["tus-max-size"]) == served.ctx.settings.upload_max_bytes


def test_an_upload_in_two_parts(served: Site) -> None:
    address = began(served)
    assert address.startswith("/files/")
    first = served.client.patch(address, 0, DATA[:40_000])
    assert (first.status, first.offset) == (204, 40_000)
    assert "xuehai-resource" not in first.headers
    head = served.client.ask("HEAD", address)
    assert (head.status, head.offset, head.headers["upload-length"]) == (200, 40_000, str(len(DATA)))
    assert head.headers["cache-control"] == "no-store"
    assert head.headers["upload-metadata"] == "filename bGVzc29uLm1wNA=="
    last = served.client.patch(address, 40_000, DATA[40_000:])
    assert (last.status, last.offset) == (204, len(DATA))
    (file,) = served.files(last.headers["xuehai-resource"])
    assert file.sha256 == hashlib.sha256(DATA).hexdigest()
    assert served.stored(file) == DATA
    assert [job.step for job in served.jobs() if job.file_id == file.id] == ["identify"]


def test_the_last_answer_may_be_asked_for_again(served: Site) -> None:
    address = began(served)
    resource = served.client.patch(address, 0, DATA).headers["xuehai-resource"]
    assert served.client.ask("HEAD", address).headers["xuehai-resource"] == resource
    again = served.client.patch(address, len(DATA), b"")
    assert (again.status, again.headers["xuehai-resource"]) == (204, resource)
    assert len(served.files(resource)) == 1


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0.0, 2.0.0"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_is_refused(served: Site, method: str, version: str) -> None:
    address = began(served) if method != "POST" else "/files/"
    answer = served.client.ask(method, address, {"Tus-Resumable": version} if version else {}, bare=True)
    assert answer.status == 412
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-version"] == "1.0.0"


def test_creation_with_upload(served: Site) -> None:
    part = served.client.create(len(DATA), {"Content-Type": OCTETS}, DATA[:1000])
    assert (part.status, part.offset) == (201, 1000)
    rest = served.client.patch(part.headers["location"], 1000, DATA[1000:])
    assert rest.status == 204
    whole = served.client.create(len(DATA), {"Content-Type": OCTETS}, DATA)
    assert (whole.status, whole.offset) == (201, len(DATA))
    (file,) = served.files(whole.headers["xuehai-resource"])
    assert served.stored(file) == DATA


def test_a_deferred_length(served: Site) -> None:
    address = began(served, None)
    head = served.client.ask("HEAD", address)
    assert head.headers["upload-defer-length"] == "1"
    assert "upload-length" not in head.headers
    assert served.client.patch(address, 0, DATA[:10]).offset == 10
    known = served.client.patch(address, 10, DATA[10:20], {"Upload-Length": str(len(DATA))})
    assert known.offset == 20
    changed = served.client.patch(address, 20, DATA[20:], {"Upload-Length": str(len(DATA) + 1)})
    assert (changed.status, changed.code) == (422, "upload_length_changed")
    head = served.client.ask("HEAD", address)
    assert head.headers["upload-length"] == str(len(DATA))
    assert "upload-defer-length" not in head.headers
    assert "xuehai-resource" in served.client.patch(address, 20, DATA[20:]).headers


def test_an_empty_file_is_complete_at_once(served: Site) -> None:
    answer = served.client.create(0)
    assert (answer.status, answer.offset) == (201, 0)
    (file,) = served.files(answer.headers["xuehai-resource"])
    assert (file.size, served.stored(file)) == (0, b"")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_checksum_that_holds_and_one_that_does_not(served: Site, algorithm: str) -> None:
    address = began(served)
    assert served.client.patch(address, 0, DATA[:5000], checksum(algorithm, DATA[:5000])).offset == 5000
    wrong = served.client.patch(address, 5000, DATA[5000:9000], checksum(algorithm, b"other"))
    assert (wrong.status, wrong.code) == (460, "wrong_checksum")
    assert served.client.ask("HEAD", address).offset == 5000
    last = served.client.patch(address, 5000, DATA[5000:], checksum(algorithm, DATA[5000:]))
    (file,) = served.files(last.headers["xuehai-resource"])
    assert served.stored(file) == DATA


@pytest.mark.parametrize("header", ["md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha256", "sha256 ###", "sha1 AAAA"])
def test_a_checksum_that_cannot_be_checked(served: Site, header: str) -> None:
    address = began(served)
    assert served.client.patch(address, 0, DATA, {"Upload-Checksum": header}).status == 400
    assert served.client.ask("HEAD", address).offset == 0


def test_the_wrong_offset(served: Site) -> None:
    address = began(served)
    ahead = served.client.patch(address, 10, DATA[10:])
    assert (ahead.status, ahead.code) == (409, "upload_offset_mismatch")
    assert served.client.ask("HEAD", address).offset == 0
    assert served.client.patch(address, 0, DATA[:10]).offset == 10
    assert served.client.patch(address, 0, DATA[:10]).status == 409


@pytest.mark.parametrize("offset", ["", "-1", "1.5", "x", "9" * 30])
def test_an_offset_that_is_no_number(served: Site, offset: str) -> None:
    answer = served.client.ask("PATCH", began(served), {"Content-Type": OCTETS, "Upload-Offset": offset}, b"")
    assert (answer.status, answer.code) == (400, "upload_header")


def test_another_type_of_body(served: Site) -> None:
    address = began(served)
    answer = served.client.patch(address, 0, DATA, {"Content-Type": "application/octet-stream"})
    assert (answer.status, answer.code) == (415, "upload_body_type")
    assert served.client.create(5, {"Content-Type": "text/plain"}, b"hello").status == 415


def test_more_than_was_declared(served: Site) -> None:
    address = began(served, 100)
    by_header = served.client.patch(address, 0, DATA)
    assert (by_header.status, by_header.code) == (413, "upload_overflow")
    by_count = served.client.patch(address, 0, iter([DATA[:60], DATA[60:120]]))
    assert (by_count.status, by_count.code) == (413, "upload_overflow")
    assert served.client.ask("HEAD", address).offset == 0
    assert "xuehai-resource" in served.client.patch(address, 0, iter([DATA[:60], DATA[60:100]])).headers


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Upload-Length": "10", "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "2"},
        {"Upload-Length": "-1"},
        {"Upload-Length": "ten"},
        {"Upload-Length": "10", "Upload-Metadata": "filename not-base64!"},
        {"Upload-Length": "10", "Upload-Metadata": "a YQ==,a YQ=="},
        {"Upload-Length": "10", "Upload-Metadata": ",,"},
    ],
)
def test_headers_of_creation_that_make_no_sense(served: Site, sent: dict[str, str]) -> None:
    answer = served.client.ask("POST", "/files/", {"Authorization": f"Bearer {served.client.key}", **sent})
    assert (answer.status, answer.code) == (400, "upload_header")


def test_termination(served: Site) -> None:
    address = began(served)
    served.client.patch(address, 0, DATA[:1000])
    staged = f"staging/{served.upload_row().id}"
    assert list(served.ctx.store.scan(staged))
    assert served.client.ask("DELETE", address).status == 204
    assert not list(served.ctx.store.scan(staged))
    for method in ("HEAD", "PATCH", "DELETE"):
        sent = {"Content-Type": OCTETS, "Upload-Offset": "1000"} if method == "PATCH" else {}
        answer = served.client.ask(method, address, sent)
        assert answer.status == 410
        assert "upload-offset" not in answer.headers


def test_an_unknown_address(served: Site) -> None:
    for method in ("HEAD", "PATCH", "DELETE"):
        sent = {"Content-Type": OCTETS, "Upload-Offset": "0"} if method == "PATCH" else {}
        assert served.client.ask(method, "/files/nobody-knows-this", sent).status == 404


def test_methods_in_disguise(served: Site) -> None:
    address = began(served)
    disguised = {"X-HTTP-Method-Override": "PATCH", "Content-Type": OCTETS, "Upload-Offset": "0"}
    assert served.client.ask("POST", address, disguised, DATA[:10]).offset == 10
    assert served.client.ask("POST", address, {"X-HTTP-Method-Override": "HEAD"}).offset == 10
    assert served.client.ask("POST", address, {"X-HTTP-Method-Override": "DELETE"}).status == 204
    assert served.client.ask("POST", address).status == 404


def test_every_answer_says_the_version_and_is_not_cached(served: Site) -> None:
    address = began(served)
    answers = [
        served.client.ask("POST", "/files/"),
        served.client.patch(address, 5, b""),
        served.client.ask("HEAD", address),
        served.client.ask("HEAD", "/files/x"),
        served.client.ask("DELETE", address),
    ]
    assert {answer.headers["tus-resumable"] for answer in answers} == {"1.0.0"}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
