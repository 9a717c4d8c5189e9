"""What is counted over a whole table: anew each time while that is quick, less often once it takes long.

Counting reads every row, or every entry of an index: a moment among thousands of records, seconds among millions. So
that whoever asks often does not keep the database busy, a count that took long holds for `REST` times as long.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import func, select

from repo_service.context import Context
from repo_service.db import Database
from repo_service.models import Resource

LONG = 0.2  # seconds
REST = 20

T = TypeVar("T")


class Rested(Generic[T]):
    """Counts when asked, one thread at a time; what took long rests for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: tuple[T, float] | None = None

    def count(self, by: Callable[[], T]) -> T:
        """What ``by`` counts, or what it counted a while ago."""
        with self._lock:
            begun = time.monotonic()
            if self._held is not None and begun < self._held[1]:
                return self._held[0]
            counted = by()
            took = time.monotonic() - begun
            self._held = (counted, begun + REST * took) if took > LONG else None
            return counted


_published: WeakKeyDictionary[Database, Rested[Mapping[str, int]]] = WeakKeyDictionary()


def published(ctx: Context) -> Mapping[str, int]:
    """How many resources are published, by the id of the institution; those without any are left out."""

    def by_institution() -> Mapping[str, int]:
        public = select(Resource.institution_id, func.count()).where(Resource.state == "published")
        with ctx.db.read() as session:
            return {row[0]: row[1] for row in session.execute(public.group_by(Resource.institution_id))}

    return _published.setdefault(ctx.db, Rested()).count(by_institution)
