"""Openings are counted for people who come to learn, a few seconds late and never twice."""

import pytest
from sqlalchemy import select

from repo_service.models import Outbox, Resource
from tests.repo_service.api.conftest import Site

pytestmark = pytest.mark.both_databases

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def opens(site: Site, resource_id: str) -> int:
    with site.ctx.db.read() as db:
        return db.get_one(Resource, resource_id).opens


def test_people_are_counted_and_robots_and_the_desk_are_not(site: Site) -> None:
    one = site.resource()
    address = f"/resources/{one.id}"
    for _ in range(3):
        assert site.client(**{"User-Agent": BROWSER}).get(address).status_code == 200
    site.client(**{"User-Agent": "Googlebot/2.1"}).get(address)
    site.client("curator", **{"User-Agent": BROWSER}).get(address)
    assert opens(site, one.id) == 0
    for _ in range(2):
        site.app.state.opens.flush()
        assert opens(site, one.id) == 3


def test_the_index_hears_of_growth_and_not_of_each_visitor(site: Site) -> None:
    one = site.resource(opens=100)
    tally = site.app.state.opens

    def waiting() -> int:
        with site.ctx.db.read() as db:
            return len(db.scalars(select(Outbox).where(Outbox.aggregate == one.id)).all())

    for visitors, expected in ((1, 0), (30, 1)):
        for _ in range(visitors):
            tally.note(one.id, BROWSER)
        tally.flush()
        assert waiting() == expected
    tally.flush()
    assert opens(site, one.id) == 131
