"""Every route that belongs to a resource, asked by every role in every state, against a table written out by hand."""

from typing import Any

import pytest

from repo_service import policy
from repo_service.models import Resource
from repo_service.policy import ANONYMOUS, TABLE, Actor, can, places
from repo_service.services.workflow import STARTS
from repo_service.vocab import ROLES, SCOPES, STATES
from tests.repo_service.api.conftest import Site

WHO = (
    "",
    "learner",
    "stranger",
    "colleague",
    "uploader",
    "curator",
    "reviewer",
    "institution_admin",
    "auditor",
    "system_admin",
)
DESK = {"colleague", "uploader", "curator", "reviewer", "institution_admin", "auditor", "system_admin"}
# Who may do what to a resource that the uploader made, where they may know of it.
ACTS: dict[str, set[str]] = {
    "edit": {"uploader", "curator", "institution_admin", "system_admin"},
    "submit": {"uploader", "curator", "institution_admin", "system_admin"},
    "decide": {"reviewer", "system_admin"},
    "publish": {"curator", "reviewer", "institution_admin", "system_admin"},
    "withdraw": {"uploader", "curator", "reviewer", "institution_admin", "system_admin"},
    "retry": {"uploader", "curator", "institution_admin", "system_admin"},
    "remove": {"uploader", "curator", "institution_admin", "system_admin"},
}
READS = ("", "/passages")
REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "edit": ("PATCH", "", {"json": {}, "headers": {"If-Match": '"999"'}}),
    "submit": ("POST", "/submit", {}),
    "decide": ("POST", "/decisions", {"json": {"accept": False}}),
    "publish": ("POST", "/publish", {}),
    "withdraw": ("POST", "/withdraw", {}),
    "retry": ("POST", "/jobs/identify/retry", {}),
    "remove": ("DELETE", "/files/019394ff-ffff-7000-8000-000000000000", {}),
}
LET_IN = {"edit": 412, "decide": 422, "retry": 409, "remove": 404}  # stopped later on, so that nothing changes


@pytest.mark.parametrize("who", WHO)
def test_reading(site: Site, states: dict[str, Resource], who: str) -> None:
    client = site.client(who)
    for state, resource in states.items():
        file = site.file(resource)
        expected = 200 if state == "published" or who in DESK else 404
        addresses = [f"/api/v1/resources/{resource.id}{tail}" for tail in READS]
        addresses += [f"/media/{resource.id}/1/{file.path}"]
        for address in addresses:
            assert client.get(address).status_code == expected, (state, address)
            assert client.head(address).status_code == expected, (state, address)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", WHO)
def test_acting(site: Site, states: dict[str, Resource], who: str, act: str) -> None:
    method, tail, sent = REQUESTS[act]
    for state, resource in states.items():
        answer = site.client(who).request(method, f"/api/v1/resources/{resource.id}{tail}", **sent)
        assert answer.status_code == expected(who, act, state), (state, answer.text)


def expected(who: str, act: str, state: str) -> int:
    """The status that the tables above mean."""
    if who == "":
        return 401
    if who not in DESK and state != "published":
        return 404
    if who not in ACTS[act]:
        return 403
    if act == "publish":
        return 409 if state == "published" or who != "system_admin" else 200
    begins = {"retry": STATES, "remove": STARTS["upload"], "edit": STATES}.get(act) or STARTS[act]
    return LET_IN.get(act, 200) if state in begins else 409


def test_the_routes_and_the_table_agree(states: dict[str, Resource]) -> None:
    """What the hand-written table says is what `policy.TABLE` says."""
    names = {"remove": "upload"}
    for act, allowed in ACTS.items():
        for role in ("uploader", "curator", "reviewer", "institution_admin"):
            member = Actor(id="m", roles={"home": frozenset({role})}, scopes=frozenset({"all"}))
            owner = "m" if role == "uploader" else "other"
            found = can(member, f"resource.{names.get(act, act)}", institution_id="home", owner_id=owner)
            assert found == (role in allowed), (act, role)


@pytest.mark.parametrize("action", TABLE)
def test_the_filter_for_lists_is_the_table_for_things(action: str) -> None:
    """`places` finds exactly the institutions where `can` says yes by role."""
    for role in ROLES:
        for scope in SCOPES:
            scopes = frozenset({scope})
            for actor in (
                Actor(id="a", everywhere=frozenset({role}), scopes=scopes),
                Actor(id="a", roles={"x": frozenset({role}), "y": frozenset({"learner"})}, scopes=scopes),
            ):
                found = places(actor, action)
                for place in ("x", "y", "z"):
                    said = can(actor, action, institution_id=place)
                    if policy.SIGNED_IN not in TABLE[action][1]:
                        assert said == (found is None or place in found), (role, scope, place)


def test_nobody_gets_nothing_but_the_public() -> None:
    for action, (_, allowed) in TABLE.items():
        assert not can(ANONYMOUS, action)
        assert places(ANONYMOUS, action) == frozenset()
        assert can(ANONYMOUS, action, public=True) == (policy.PUBLIC in allowed)


def test_an_owner_who_left_owns_nothing() -> None:
    gone = Actor(id="u", everywhere=frozenset({"learner"}), scopes=frozenset({"all"}))
    assert not any(can(gone, action, institution_id="home", owner_id="u") for action in TABLE if action.startswith("r"))


@pytest.mark.parametrize("who", WHO)
def test_collections(site: Site, who: str) -> None:
    curator = site.client("curator")
    made = {
        state: curator.post("/api/v1/collections", json={"title": "专题", "state": state}).json()["id"]
        for state in ("draft", "published")
    }
    client = site.client(who)
    may = who in ("curator", "system_admin")
    for state, one in made.items():
        address = f"/api/v1/collections/{one}"
        seen = state == "published" or may
        assert client.get(address).status_code == (200 if seen else 404)
        for method, sent in (("PATCH", {"json": {}, "headers": {"If-Match": '"999"'}}), ("DELETE", {})):
            status = client.request(method, address, **sent).status_code  # type: ignore[arg-type]
            let_in = {"PATCH": 412, "DELETE": 204}[method]
            assert status == (401 if who == "" else let_in if may else 403 if seen else 404), (state, method)
    made_too = client.post("/api/v1/collections", json={"title": "新"}).status_code
    assert made_too == (201 if may else 401 if who == "" else 403)
