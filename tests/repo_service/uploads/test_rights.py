"""Who may begin an upload, how long its address lives, and what nobody learns from it."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from repo_service.api.frame import Frame, Traffic
from repo_service.context import Context
from repo_service.errors import UploadEnded
from repo_service.models import ApiKey, Audit, Blob, File, Institution, Membership, Resource, Session, Upload, User
from repo_service.policy import OPERATOR
from repo_service.services import accounts, sessions, uploads
from tests import support
from tests.repo_service.uploads.conftest import OCTETS, Client, Site, content, metadata

DATA = content(5000)


def change(site: Site, kind: type[Any], key: str, **values: Any) -> None:
    """Write columns of one row."""
    with site.ctx.db.write() as session:
        row = session.get_one(kind, key)
        for name, value in values.items():
            setattr(row, name, value)


def leave(site: Site) -> None:
    """The uploader is no member any more."""
    with site.ctx.db.write() as session:
        session.execute(delete(Membership).where(Membership.user_id == site.person.id))


def test_nobody_and_keys_without_the_scope(served: Site) -> None:
    assert Client(served.port).create(10).status == 401
    assert Client(served.port, "xh_wrong_key").create(10).status == 401
    reading = Client(served.port, served.key_of(served.person.email, ("read",)))
    assert reading.create(10).status == 403


def test_institutions_that_one_gives_to(site: Site) -> None:
    other = support.institution(site.ctx, "other")
    assert site.client.create(10, institution=site.home.slug).status == 201
    assert site.client.create(10, institution=site.home.id).status == 201
    assert site.client.create(10, institution=other.slug).status == 403
    assert site.client.create(10, institution="none-such").status == 404
    with site.ctx.db.write() as session:
        session.add(Membership(user_id=site.person.id, institution_id=other.id, role="learner"))
    assert site.client.create(10).code == "invalid"  # two places: which?


def test_resources_that_one_adds_to(site: Site) -> None:
    own = support.resource(site.ctx, site.home, created_by=site.person.id)
    theirs = support.resource(site.ctx, support.institution(site.ctx, "other"))
    assert site.client.upload(DATA, resource_id=own.id) == own.id
    assert site.client.create(10, resource_id=theirs.id).status == 404
    assert site.client.create(10, resource_id="no-such-id").status == 404
    change(site, Resource, theirs.id, state="published")
    assert site.client.create(10, resource_id=theirs.id).status == 403
    change(site, Resource, own.id, state="withdrawn")
    assert site.client.create(10, resource_id=own.id).code == "resource_withdrawn"


def test_the_address_outlives_the_key(site: Site) -> None:
    address = site.client.create(len(DATA)).headers["location"]
    with site.ctx.db.write() as session:
        session.execute(update(ApiKey).values(revoked_at=site.ctx.clock()))
    assert site.client.create(10).status == 401
    assert "xuehai-resource" in site.client.patch(address, 0, DATA).headers


@pytest.mark.parametrize("end", [leave, lambda site: change(site, User, site.person.id, active=False)])
def test_a_giver_who_left(site: Site, end: Callable[[Site], None]) -> None:
    address = site.client.create(len(DATA)).headers["location"]
    nameless = Client(site.port)
    assert nameless.patch(address, 0, DATA[:10]).offset == 10
    end(site)
    for answer in (nameless.ask("HEAD", address), nameless.patch(address, 10, DATA[10:])):
        assert answer.status == 410
    assert nameless.patch(address, 10, DATA[10:]).code == "membership_ended"
    assert site.resources() == []


def test_a_giver_who_left_before_the_rows_were_made(site: Site) -> None:
    address = site.client.create(len(DATA)).headers["location"]
    secret = address.removeprefix("/files/")
    writer = uploads.take(site.ctx, secret, 0)
    uploads.append(site.ctx, writer, 0, [DATA])
    uploads.record(site.ctx, writer, len(DATA), last=True)
    leave(site)
    assert uploads.finish_stuck(site.ctx, older_than=-1) == 1
    row = site.upload_row()
    assert (row.state, row.error_code, site.resources()) == ("failed", "membership_ended", [])


def test_size_type_and_role_are_checked_before_the_first_byte(site: Site) -> None:
    limit = site.ctx.settings.upload_max_bytes
    refused = {
        "too_large": site.client.create(limit + 1),
        "file_type_refused": site.client.create(10, filename="setup.exe"),
        "invalid": site.client.create(10, role="poster"),
    }
    assert {code: answer.code for code, answer in refused.items()} == {code: code for code in refused}
    assert site.client.create(10, filename="a", filetype="application/x-msdownload").status == 415
    assert site.client.create(10, role="cover").code == "invalid"  # of which resource?
    own = support.resource(site.ctx, site.home, created_by=site.person.id)
    assert site.client.create(10, filename="a.mp4", role="captions", resource_id=own.id).status == 415
    assert site.client.create(10, filename="a.mp4", role="cover", resource_id=own.id).status == 415
    assert site.client.create(10, filename="a.png", role="cover", resource_id=own.id).status == 201


def test_the_quota_counts_what_is_held_and_what_is_on_its_way(site: Site) -> None:
    change(site, Institution, site.home.id, quota_bytes=12_000)
    site.client.upload(DATA)
    assert site.client.create(7_001).code == "quota_exceeded"
    address = site.client.create(4_000).headers["location"]
    assert site.client.create(3_001).code == "quota_exceeded"
    assert site.client.create(3_000).status == 201
    assert site.client.ask("DELETE", address).status == 204
    assert site.client.create(4_000).status == 201


def test_the_quota_holds_for_a_length_that_was_deferred(site: Site) -> None:
    change(site, Institution, site.home.id, quota_bytes=1_000)
    address = site.client.create(None).headers["location"]
    assert site.client.patch(address, 0, DATA[:500], {"Upload-Length": "5000"}).code == "quota_exceeded"
    assert site.client.patch(address, 0, DATA[:500], {"Upload-Length": "900"}).offset == 500


def test_the_quota_holds_for_a_length_that_is_never_said(site: Site) -> None:
    change(site, Institution, site.home.id, quota_bytes=1_000)
    address = site.client.create(None).headers["location"]
    assert site.client.patch(address, 0, DATA[:600]).offset == 600
    refused = site.client.patch(address, 600, DATA[600:1_200])
    assert (refused.status, refused.code) == (413, "quota_exceeded")
    assert site.client.patch(address, 600, DATA[600:700]).status == 410
    assert list(site.ctx.store.scan("")) == [], "its bytes are free again"
    assert site.client.create(900).status == 201


def test_an_upload_that_ended_while_its_bytes_were_kept_makes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = site.client.create(len(DATA)).headers["location"]
    secret = address.removeprefix("/files/")
    writer = uploads.take(site.ctx, secret, 0)
    uploads.append(site.ctx, writer, 0, [DATA])
    uploads.record(site.ctx, writer, len(DATA), last=True)
    place = uploads._place

    def ended_before(ctx: Context, upload_id: str, sha256: str) -> tuple[str, str]:
        uploads.terminate(ctx, secret)
        return place(ctx, upload_id, sha256)

    monkeypatch.setattr(uploads, "_place", ended_before)
    with pytest.raises(UploadEnded):
        uploads.finish(site.ctx, writer.upload_id)
    assert site.upload_row().state == "terminated"
    assert site.resources() == []


def test_one_whose_bytes_are_away_keeps_no_other_back(site: Site) -> None:
    secrets = [site.client.create(len(DATA)).headers["location"].removeprefix("/files/") for _ in range(2)]
    for secret in secrets:
        writer = uploads.take(site.ctx, secret, 0)
        uploads.append(site.ctx, writer, 0, [DATA])
        uploads.record(site.ctx, writer, len(DATA), last=True)
    gone = uploads.find(site.ctx, secrets[0]).id
    held = b"".join(site.ctx.store.read(f"staging/{gone}"))
    site.ctx.store.delete(f"staging/{gone}")
    assert uploads.finish_stuck(site.ctx, older_than=-1) == 1
    states = [uploads.find(site.ctx, secret).state for secret in secrets]
    assert states == ["finishing", "done"], "its place may come back"
    site.ctx.store.write(gone, 0, [held])
    assert uploads.finish_stuck(site.ctx, older_than=-1) == 1
    assert uploads.find(site.ctx, secrets[0]).state == "done"


def test_the_same_bytes_twice_are_one_blob_and_two_resources(site: Site) -> None:
    stranger = support.user(site.ctx, "b@example.cn", in_=support.institution(site.ctx, "other"))
    first = site.client.upload(DATA)
    second = Client(site.port, site.key_of(stranger.email)).upload(DATA)
    assert first != second
    with site.ctx.db.read() as session:
        assert [blob.sha256 for blob in session.scalars(select(Blob))] == [hashlib.sha256(DATA).hexdigest()]
        assert len(session.scalars(select(File)).all()) == 2
    assert [one.key for one in site.ctx.store.scan("")] == [f"blobs/{hashlib.sha256(DATA).hexdigest()}"]


def test_a_deposit_is_in_the_audit_trail(site: Site) -> None:
    resource = site.client.upload(DATA)
    with site.ctx.db.read() as session:
        row = session.scalars(select(Audit).where(Audit.object == resource)).one()
    assert (row.who, row.what, row.ok) == (site.person.id, "file.deposit", True)


def test_the_secret_is_not_in_the_database(site: Site) -> None:
    secret = site.client.create(10).headers["location"].removeprefix("/files/")
    row = site.upload_row()
    assert row.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(vars(row))


def test_an_upload_that_nobody_goes_on_with_expires(site: Site) -> None:
    address = site.client.create(len(DATA)).headers["location"]
    site.client.patch(address, 0, DATA[:100])
    row = site.upload_row()
    change(site, Upload, row.id, expires_at=row.created_at)
    assert site.client.ask("HEAD", address).status == 410
    assert uploads.expire(site.ctx) == 1
    assert not list(site.ctx.store.scan("staging/"))
    assert site.client.patch(address, 100, DATA[100:]).status == 410
    assert uploads.expire(site.ctx) == 0


def browser(site: Site) -> tuple[str, Session]:
    """Somebody who signed in by the page: the token of the cookie, and the session."""
    password = "correct horse battery staple"
    person = {"email": "browser@example.cn", "name": "李", "role": "uploader", "institution": site.home.slug}
    accounts.create_user(site.ctx, OPERATOR, **person, password=password)
    return sessions.sign_in(site.ctx, email=person["email"], password=password, address="127.0.0.1")


def test_a_browser_needs_its_token_and_its_own_site(site: Site) -> None:
    token, login = browser(site)
    cookie = {"Cookie": f"xuehai_session={token}", "Upload-Length": "10", "Upload-Metadata": metadata(filename="a.mp4")}
    assert site.client.ask("POST", "/files/", cookie).code == "csrf"
    elsewhere = {**cookie, "X-CSRF-Token": login.csrf, "Origin": "https://evil.example"}
    assert site.client.ask("POST", "/files/", elsewhere).code == "other_site"
    answer = site.client.ask("POST", "/files/", {**cookie, "X-CSRF-Token": login.csrf})
    assert answer.status == 201
    sessions.sign_out(site.ctx, token)
    assert site.client.patch(answer.headers["location"], 0, b"0123456789").status == 204


def test_the_token_of_an_upload_is_never_looked_for_in_its_body(site: Site) -> None:
    """A form would be taken in, without end and onto the disk, before anybody asks whether it may come."""
    token, login = browser(site)
    form = b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + login.csrf.encode() + b"\r\n"
    endless = {
        "Cookie": f"xuehai_session={token}",
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(2**40),
    }
    for headers, status in ((endless, 403), (endless | {"X-CSRF-Token": login.csrf, "Upload-Length": "10"}, 415)):
        with site.client.wire("POST /files/ HTTP/1.1", headers) as wire:
            wire.sendall(form)
            assert wire.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_nobody_reads_more_of_a_body_that_is_no_upload() -> None:
    async def size(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    inner = Starlette(routes=[Route("/files/", size, methods=["POST"])])
    client = TestClient(Frame(inner, hosts=frozenset({"testserver"}), headers={}, traffic=Traffic()))
    answers = [
        client.post("/files/", content=iter([DATA] * 1000), headers={"Content-Type": kind})
        for kind in ("multipart/form-data; boundary=x", f"{OCTETS}; x=y")
    ]
    assert [one.status_code for one in answers] == [413, 200]
    assert answers[1].text == str(1000 * len(DATA))
