"""How often the page of a resource was opened: tallied in each process, added up in the database every few seconds."""

import re
import threading
import time
from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Resource
from repo_service.services import indexing

FLUSH_SECONDS = 5.0  # what a killed process forgets at most, and how seldom reading becomes writing
FLUSH_COUNT = 1000
GROWTH = 1.2  # the index hears of it when the number has grown so much: it orders by it, nobody reads it there
_ROBOT = re.compile(r"bot\b|crawl|spider|slurp|curl|wget|python|http-?client|headless", re.IGNORECASE)


class Opens:
    """The tally of one process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._tally: Counter[str] = Counter()
        self._since = time.monotonic()

    def note(self, resource_id: str, user_agent: str) -> None:
        """Count one opening by a person; from time to time write down what was counted."""
        if not user_agent or _ROBOT.search(user_agent):
            return
        with self._lock:
            self._tally[resource_id] += 1
            due = time.monotonic() - self._since >= FLUSH_SECONDS or self._tally.total() >= FLUSH_COUNT
            tally = self._take() if due else None
        if tally:
            write_down(self._ctx, tally)

    def flush(self) -> None:
        """Write down what was counted so far."""
        with self._lock:
            tally = self._take()
        write_down(self._ctx, tally)

    def _take(self) -> Counter[str]:
        tally, self._tally, self._since = self._tally, Counter(), time.monotonic()
        return tally


def write_down(ctx: Context, tally: Counter[str]) -> None:
    """Add a tally to the resources in one transaction."""
    with ctx.db.write() as session:
        for resource in _locked(session, tally):
            before = resource.opens
            resource.opens = before + tally[resource.id]
            if resource.opens >= before * GROWTH and resource.state == "published":
                indexing.touch(session, ctx, resource)


def _locked(session: Session, tally: Counter[str]) -> list[Resource]:
    rows = select(Resource).where(Resource.id.in_(tally)).order_by(Resource.id).with_for_update()
    return list(session.scalars(rows))
