"""Accounts over HTTP: keys with scopes, sessions, limits of tries, requests that other sites cannot forge."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from repo_service.api import deps
from repo_service.errors import Conflict, Forbidden, Invalid, TooMany, Unauthenticated
from repo_service.models import ApiKey, Audit, Session, User
from repo_service.policy import OPERATOR
from repo_service.services import accounts, sessions
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases

PASSWORD = "很长的密码 2026"


def signed_up(site: Site, email: str = "li@example.cn") -> User:
    return accounts.sign_up(site.ctx, email=email, name="李雷", password=PASSWORD)


def signed_in(site: Site, email: str = "li@example.cn", address: str = "10.0.0.1") -> tuple[str, Session]:
    return accounts.sign_in(site.ctx, email=email, password=PASSWORD, address=address)


def test_passwords_and_tokens_are_not_kept_in_plain(site: Site) -> None:
    user = signed_up(site)
    token, session = signed_in(site)
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in user.password_hash
    assert token not in session.token_sha256
    _, plain = accounts.create_key(site.ctx, OPERATOR, email=user.email, scopes=("read",))
    with site.ctx.db.read() as db:
        key = db.scalars(select(ApiKey)).one()
    assert plain.startswith(key.prefix)
    assert plain not in (key.prefix, key.key_sha256)


@pytest.mark.parametrize("fault", [{"email": "nobody"}, {"password": "short"}, {"name": "  "}, {"email": "a b@c.cn"}])
def test_sign_up_refuses_what_cannot_be(site: Site, fault: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refusal:
        accounts.sign_up(site.ctx, **{"email": "x@example.cn", "name": "名", "password": PASSWORD} | fault)
    assert [field for field, _, _ in refusal.value.errors] == list(fault)


def test_an_email_is_one_account_whatever_its_case(site: Site) -> None:
    signed_up(site)
    with pytest.raises(Conflict, check=lambda error: error.stable_code == "email_taken"):
        signed_up(site, "LI@Example.CN ")
    assert signed_in(site, " Li@example.cn")[0]


def test_ten_failures_of_an_account_lock_it_for_a_quarter_of_an_hour(site: Site) -> None:
    signed_up(site)
    for n in range(10):
        with pytest.raises(Unauthenticated):
            accounts.sign_in(site.ctx, email="li@example.cn", password="wrong", address=f"10.0.1.{n}")
    with pytest.raises(TooMany) as refusal:
        signed_in(site, address="10.0.2.1")
    assert 0 < refusal.value.retry_after <= 15 * 60


def test_ten_failures_from_an_address_lock_it_for_all_accounts(site: Site) -> None:
    signed_up(site)
    for n in range(10):
        with pytest.raises(Unauthenticated):
            accounts.sign_in(site.ctx, email=f"n{n}@example.cn", password="wrong", address="10.0.0.9")
    with pytest.raises(TooMany):
        signed_in(site, address="10.0.0.9")
    assert signed_in(site, address="10.0.0.10")


def test_tries_at_the_same_time_are_no_more_than_one_after_another(site: Site) -> None:
    together = threading.Barrier(25)

    def attempt(number: int) -> bool:
        subjects = ("email:li@example.cn", "address:10.0.0.1")
        together.wait(20)
        try:
            sessions.count_try(site.ctx, subjects if number % 2 else subjects[::-1])
        except TooMany:
            return False
        return True

    with ThreadPoolExecutor(25) as pool:
        assert sum(pool.map(attempt, range(25))) == sessions.TRIES


def test_an_address_signs_up_a_class_but_not_without_end(site: Site) -> None:
    for n in range(accounts.SIGN_UPS):
        with pytest.raises(Invalid):
            accounts.sign_up(site.ctx, email=f"n{n}@example.cn", name="", password=PASSWORD, address="10.0.0.1")
    with pytest.raises(TooMany):
        accounts.sign_up(site.ctx, email="n@example.cn", name="人", password=PASSWORD, address="10.0.0.1")
    assert accounts.sign_up(site.ctx, email="n@example.cn", name="人", password=PASSWORD, address="10.0.0.2")


def test_success_does_not_count_as_a_failure(site: Site) -> None:
    signed_up(site)
    for _ in range(12):
        signed_in(site)


def test_an_unknown_account_costs_as_much_time(site: Site) -> None:
    signed_up(site)

    def spent(email: str) -> float:
        began = time.process_time()
        with pytest.raises(Unauthenticated, check=lambda error: error.stable_code == "wrong_credentials"):
            accounts.sign_in(site.ctx, email=email, password="wrong", address=email)
        return time.process_time() - began

    spent("warm@example.cn")
    known = min(spent("li@example.cn") for _ in range(3))
    unknown = min(spent(f"nobody{n}@example.cn") for n in range(3))
    assert 0.5 < unknown / known < 2.0


def test_a_new_password_ends_the_other_sessions(site: Site) -> None:
    signed_up(site)
    other, _ = signed_in(site)
    token, _ = signed_in(site)
    actor = accounts.actor_of_session(site.ctx, token)
    with pytest.raises(Invalid):
        accounts.change_password(site.ctx, actor, old="wrong", new="something longer")
    fresh, _ = accounts.change_password(site.ctx, actor, old=PASSWORD, new="something longer")
    for ended in (token, other):
        with pytest.raises(Unauthenticated):
            accounts.actor_of_session(site.ctx, ended)
    assert accounts.actor_of_session(site.ctx, fresh).id == actor.id


def test_a_session_ends_with_its_time_with_its_account_and_by_signing_out(site: Site) -> None:
    user = signed_up(site)
    tokens = [signed_in(site)[0] for _ in range(3)]
    accounts.sign_out(site.ctx, tokens[0])
    with site.ctx.db.write() as db:
        row = db.scalars(select(Session).where(Session.user_id == user.id)).first()
        assert row is not None
        row.expires_at = site.ctx.clock() - timedelta(seconds=1)
    alive = []
    for token in tokens:
        try:
            alive.append(accounts.actor_of_session(site.ctx, token))
        except Unauthenticated:
            continue
    assert len(alive) == 1
    with site.ctx.db.write() as db:
        db.get_one(User, user.id).active = False
    with pytest.raises(Unauthenticated):
        signed_in(site)


def test_keys_are_narrowed_to_their_scopes(site: Site) -> None:
    owner = site.people["uploader"].email
    _, reading = accounts.create_key(site.ctx, OPERATOR, email=owner, scopes=("read",))
    _, uploading = accounts.create_key(site.ctx, OPERATOR, email=owner, scopes=("upload",))
    draft = {"title": "新课", "institution": "home"}
    answers = [
        site.client(Authorization=f"Bearer {key}").post("/api/v1/resources", json=draft) for key in (reading, uploading)
    ]
    assert [one.status_code for one in answers] == [403, 201]
    assert answers[0].json()["code"] == "scope_missing"
    made = answers[1].json()["id"]
    seen = site.client(Authorization=f"Bearer {reading}").get(f"/api/v1/resources/{made}")
    assert seen.status_code == 200


def test_people_make_and_end_their_own_keys(site: Site) -> None:
    client = site.client("uploader")
    made = client.post("/api/v1/me/keys", json={"scopes": ["read"]})
    assert made.status_code == 201
    plain = made.json()["key"]
    listed = client.get("/api/v1/me/keys").json()
    assert made.json()["id"] in {one["id"] for one in listed}
    assert all("key" not in one for one in listed)
    mine = site.client(Authorization=f"Bearer {plain}")
    assert mine.get("/api/v1/me").json()["memberships"][0]["institution"] == "home"
    assert mine.post("/api/v1/me/keys", json={"scopes": ["all"]}).status_code == 403
    assert client.delete(f"/api/v1/me/keys/{made.json()['id']}").status_code == 204
    assert mine.get("/api/v1/me").status_code == 401
    assert site.client("curator").delete(f"/api/v1/me/keys/{listed[0]['id']}").status_code == 404


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic eA==", "Bearer é"])
def test_a_wrong_key_is_refused_even_for_public_things(site: Site, header: str) -> None:
    answer = site.client().get("/api/v1/resources", headers={b"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_key")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_changes_by_cookie_need_the_token_of_the_session(site: Site) -> None:
    signed_up(site)
    token, session = signed_in(site)
    client = site.client()
    client.cookies.set(deps.COOKIE, token)
    change = {"old": PASSWORD, "new": "something longer"}

    def post(**headers: str) -> int:
        return client.post("/api/v1/me/password", json=change, headers=headers).status_code

    assert client.get("/api/v1/me").status_code == 200
    assert post() == 403
    assert post(**{"X-CSRF-Token": "guess"}) == 403
    assert post(**{"X-CSRF-Token": session.csrf, "Origin": "https://evil.example"}) == 403
    assert post(**{"X-CSRF-Token": session.csrf, "Sec-Fetch-Site": "cross-site"}) == 403
    assert post(**{"X-CSRF-Token": session.csrf, "Origin": "http://127.0.0.1:8000"}) == 204
    assert client.get("/api/v1/me").status_code == 200  # the answer brought a new cookie


def test_a_session_that_ended_is_a_visitor(site: Site) -> None:
    client = site.client()
    client.cookies.set(deps.COOKIE, "gone")
    assert client.get("/api/v1/resources").status_code == 200
    assert client.get("/api/v1/me").status_code == 401


def test_only_the_operator_makes_institutions_and_admins_only_their_own_people(site: Site) -> None:
    ctx = site.ctx
    admin = accounts.actor_of_key(ctx, site.key("institution_admin"))
    place = {"slug": "new", "name": "新", "kind": "museum", "division": "410102000000"}
    with pytest.raises(Forbidden):
        accounts.create_institution(ctx, admin, **place)
    assert accounts.create_institution(ctx, OPERATOR, **place).slug == "new"
    with pytest.raises(Conflict, check=lambda error: error.stable_code == "slug_taken"):
        accounts.create_institution(ctx, OPERATOR, **place)
    person = {"email": "new@example.cn", "name": "新人", "role": "uploader", "password": PASSWORD}
    with pytest.raises(Forbidden):
        accounts.create_user(ctx, admin, **person, institution="other")
    with pytest.raises(Forbidden):
        accounts.create_user(ctx, admin, **{**person, "role": "system_admin"}, institution="home")
    accounts.create_user(ctx, admin, **person, institution="home")
    with ctx.db.read() as db:
        acts = list(db.scalars(select(Audit.what)))
    assert acts.count("institution.create") == 1
    assert acts.count("user.create") == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"role": "king"}, "role"),
        ({"role": "uploader"}, "institution"),
        ({"role": "division_official"}, "division"),
        ({"role": "division_official", "division": "1"}, "division"),
        ({"role": "learner", "institution": "nowhere"}, "institution"),
    ],
)
def test_a_person_needs_what_the_role_needs(site: Site, fields: dict[str, str], wrong: str) -> None:
    with pytest.raises(Invalid) as refusal:
        accounts.create_user(
            site.ctx, OPERATOR, **{"email": "p@example.cn", "name": "人", "password": PASSWORD} | fields
        )
    assert refusal.value.errors[0][0] == wrong
