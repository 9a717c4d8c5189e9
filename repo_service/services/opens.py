"""How often the page of a resource was opened: tallied in each process, added up in the database every few seconds."""

import re
import threading
import time
from collections import Counter

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Resource
from repo_service.services import indexing

FLUSH_SECONDS = 5.0  # what a killed process forgets at most, and how seldom reading becomes writing
GROWTH = 1.2  # the index hears of it when the number has grown so much: it orders by it, nobody reads it there
_ROBOT = re.compile(r"bot\b|crawl|spider|slurp|curl|wget|python|http-?client|headless", re.IGNORECASE)
_log = structlog.get_logger(__name__)


class Opens:
    """The tally of one process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._tally: Counter[str] = Counter()
        self._since = time.monotonic()

    def note(self, resource_id: str, user_agent: str) -> None:
        """Count one opening by a person; from time to time have written down what was counted. It waits for nothing."""
        if is_robot(user_agent):
            return
        with self._lock:
            self._tally[resource_id] += 1
            due = time.monotonic() - self._since >= FLUSH_SECONDS
            if due:
                self._since = time.monotonic()
        if due:
            threading.Thread(target=self._flush_or_forget, name="opens", daemon=True).start()

    def flush(self) -> None:
        """Write down what was counted so far; what another thread has begun to write is written on return too."""
        with self._writing:
            with self._lock:
                tally, self._tally = self._tally, Counter()
            if tally:
                write_down(self._ctx, tally)

    def _flush_or_forget(self) -> None:
        try:
            self.flush()
        except SQLAlchemyError as error:
            _log.warning("openings_not_tallied", reason=type(error).__name__)


def is_robot(user_agent: str) -> bool:
    """Whether a User-Agent is that of a program, or of nobody."""
    return not user_agent or _ROBOT.search(user_agent) is not None


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
