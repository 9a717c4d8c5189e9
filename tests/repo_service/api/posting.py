"""Kept searches with mail about them: a clock that a test moves, and what tests of letters do."""

from datetime import timedelta
from email.message import EmailMessage

from repo_service.models import Resource, SearchDigest
from repo_service.services import digests, indexing
from repo_service.web import letters
from tests.repo_service.api.conftest import Site

DAY = timedelta(days=1)
PATH = "/api/v1/me/searches"


def publish(site: Site, title: str, *, indexed: bool = True) -> Resource:
    row = site.resource(title=title)
    with site.ctx.db.write() as session:
        indexing.touch(session, site.ctx, session.merge(row), visibility=True)
    while indexed and indexing.drain(site.ctx):
        continue
    return row


def keep(site: Site, every: str | None = "daily", *, q: str = "豫剧", who: str = "learner", **headers: str) -> str:
    client = site.client(who, **headers)
    made = client.post(PATH, json={"address": f"q={q}"})
    assert made.status_code == 201, made.text
    changed = client.patch(f"{PATH}/{made.json()['id']}", json={"digest": every})
    assert changed.status_code == 200, changed.text
    return str(made.json()["id"])


def run(site: Site) -> dict[str, int]:
    return dict(digests.send_due(site.ctx, letters.digest))


def row(site: Site, saved_id: str) -> SearchDigest | None:
    with site.ctx.db.read() as session:
        return session.get(SearchDigest, saved_id)


def held(site: Site, saved_id: str) -> SearchDigest:
    found = row(site, saved_id)
    assert found is not None
    return found


def parts(letter: EmailMessage) -> tuple[str, str]:
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()
