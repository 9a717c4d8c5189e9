"""What a process counts in memory and writes down every few seconds, so that reading does not become writing."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from repo_service.context import Context

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Tally(ABC, Generic[T]):
    """The tally of one process: who counts waits for no database, and fails with none."""

    def __init__(self, ctx: Context, *, every: float) -> None:
        """``every``: seconds between two writes."""
        self._ctx = ctx
        self._every = every
        self._counting = threading.Lock()
        self._writing = threading.Lock()
        self._tally = self._new()
        self._since = time.monotonic()

    @abstractmethod
    def _new(self) -> T:
        """An empty tally."""

    @abstractmethod
    def _write(self, tally: T) -> None:
        """Add a tally to what the database holds."""

    @contextmanager
    def _open(self) -> Iterator[T]:
        """The tally, to count in; from time to time a thread of its own then writes it down."""
        with self._counting:
            yield self._tally
            due = time.monotonic() - self._since >= self._every
            if due:
                self._since = time.monotonic()
        if due:
            threading.Thread(target=self.flush, name=type(self).__name__, daemon=True).start()

    def flush(self) -> None:
        """Write down what was counted so far; what cannot be written is forgotten, and told to the log.

        What another thread has begun to write is written on return too.
        """
        with self._writing:
            with self._counting:
                tally, self._tally = self._tally, self._new()
            try:
                self._write(tally)
            except SQLAlchemyError as error:
                _log.warning("tally_lost", tally=type(self).__name__, reason=type(error).__name__)
