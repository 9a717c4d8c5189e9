"""How often the page of a resource was opened: tallied in each process, added up in the database every few seconds."""

import re
from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Resource
from repo_service.services import indexing
from repo_service.services.tallying import Tally

FLUSH_SECONDS = 5.0  # what a killed process forgets at most, and how seldom reading becomes writing
GROWTH = 1.2  # the index hears of it when the number has grown so much: it orders by it, nobody reads it there
_ROBOT = re.compile(r"bot\b|crawl|spider|slurp|curl|wget|python|http-?client|headless", re.IGNORECASE)


class Opens(Tally[Counter[str]]):
    """The openings of resources in one process."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, every=FLUSH_SECONDS)

    def note(self, resource_id: str, user_agent: str) -> None:
        """Count one opening by a person; from time to time have written down what was counted. It waits for nothing."""
        if is_robot(user_agent):
            return
        with self._open() as tally:
            tally[resource_id] += 1

    def _new(self) -> Counter[str]:
        return Counter()

    def _write(self, tally: Counter[str]) -> None:
        write_down(self._ctx, tally)


def is_robot(user_agent: str) -> bool:
    """Whether a User-Agent is that of a program, or of nobody."""
    return not user_agent or _ROBOT.search(user_agent) is not None


def write_down(ctx: Context, tally: Counter[str]) -> None:
    """Add a tally to the resources in one transaction."""
    if not tally:
        return
    with ctx.db.write() as session:
        for resource in _locked(session, tally):
            before = resource.opens
            resource.opens = before + tally[resource.id]
            if resource.opens >= before * GROWTH and resource.state == "published":
                indexing.touch(session, ctx, resource)


def _locked(session: Session, tally: Counter[str]) -> list[Resource]:
    rows = select(Resource).where(Resource.id.in_(tally)).order_by(Resource.id).with_for_update()
    return list(session.scalars(rows))
