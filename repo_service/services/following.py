"""Waiting until the index knows what was committed, and being its writer meanwhile where nobody else is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select

from repo_service.context import Context
from repo_service.errors import Unavailable
from repo_service.models import Outbox
from repo_service.services import indexing, leases, outbox
from search.errors import SearchUnavailable

AT_ONCE = 5_000  # records of one commit of the index
ROLE_SECONDS = 60.0
LOOK_SECONDS = 0.2  # between two looks whether another process has indexed it all
AWAY_SECONDS = 30.0  # that an engine which was away is not asked again while there is other work
RETRY_SECONDS = 5.0  # between two tries whether it is back, when there is none: each of them fills the log
STALLED_SECONDS = 120.0  # without any progress, until waiting is given up

Told = Callable[[int, int], None]  # done, total


@contextmanager
def following(ctx: Context, told: Told = lambda _done, _total: None) -> Iterator["Following"]:
    """Carry changes into the index while the block runs, unless a worker does; lay the role down at its end."""
    index = Following(ctx, told)
    try:
        yield index
    finally:
        leases.give(ctx, leases.INDEX_WRITER, index.name)


class Following:
    """The index writer's role in this process, for as long as nobody else has it."""

    def __init__(self, ctx: Context, told: Told) -> None:
        self._ctx, self._told = ctx, told
        self._renew = 0.0  # by the monotonic clock
        self._away_until = 0.0  # by the same
        self.name = leases.process_name()

    def drain(self) -> None:
        """Carry what waits into the index, if the role is ours; an engine that is away holds up nothing."""
        if time.monotonic() < self._away_until:
            return
        try:
            while self._mine() and indexing.drain(self._ctx, AT_ONCE):
                continue
        except SearchUnavailable:
            self._away_until = time.monotonic() + AWAY_SECONDS

    def finish(self, patience: float = STALLED_SECONDS) -> None:
        """Return when the index knows all that was committed so far. Raises Unavailable ``index_behind``.

        ``patience``: seconds without any progress.
        """
        until = self._ctx.clock()
        total = least = self._waiting(until)
        moved = time.monotonic()
        while left := self._waiting(until):
            if left < least:
                least, moved = left, time.monotonic()
            if time.monotonic() - moved > patience:
                raise Unavailable(code="index_behind", waiting=left)
            self._told(total - left, total)
            pause = LOOK_SECONDS
            try:
                if self._mine() and indexing.drain(self._ctx, AT_ONCE):
                    continue
            except SearchUnavailable:
                pause = min(RETRY_SECONDS, patience)
            time.sleep(pause)

    def _mine(self) -> bool:
        """Take the role where it is free, and keep it while it is ours."""
        if time.monotonic() >= self._renew:
            mine = leases.take(self._ctx, leases.INDEX_WRITER, self.name, ROLE_SECONDS)
            self._renew = time.monotonic() + ROLE_SECONDS / 3 if mine else 0.0
        return bool(self._renew)

    def _waiting(self, until: datetime) -> int:
        """Changes up to this moment that the index does not know yet; found by their state."""
        untold = select(func.count()).select_from(Outbox).where(outbox.UNTOLD, Outbox.created_at <= until)
        with self._ctx.db.read() as session:
            return session.scalar(untold) or 0
