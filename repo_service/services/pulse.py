"""The heartbeat of a running job: it begins the lease anew, and stops the step when the lease is lost."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ingest.errors import Cancelled
from repo_service.context import Context
from repo_service.errors import LostLease
from repo_service.services import jobs
from repo_service.services.jobs import Claim

PULSE_SECONDS = 2.0  # between two looks at how far a step is

_log = structlog.get_logger(__name__)


class Heartbeat(Protocol):
    """Keeps a claim alive while it is entered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def report(self, progress: float) -> None:
        """Say how far the step is. Raises Cancelled when the claim is lost or the worker stops."""
        ...


class Pulse:
    """A thread that begins the lease anew at a third of it, and sooner when there is progress to show."""

    def __init__(self, ctx: Context, claim: Claim, stopping: Callable[[], bool]) -> None:
        self._ctx, self._claim, self._stopping = ctx, claim, stopping
        self._lost = self._ended = False
        self._progress = self._told = 0.0
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse {claim.step}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._wake.set()
        self._thread.join()

    def report(self, progress: float) -> None:
        """Note the progress; the thread tells the database."""
        self._progress = progress
        if self._lost or self._stopping():
            raise Cancelled

    def _beat(self) -> None:
        third = self._ctx.settings.lease_seconds / 3
        pause = min(third, PULSE_SECONDS)
        silent = 0.0
        while not self._wake.wait(pause) and not self._ended:
            silent += pause
            if silent < third and self._progress == self._told:
                continue
            try:
                told = self._progress
                jobs.heartbeat(self._ctx, self._claim, told)
                self._told, silent = told, 0.0
            except LostLease:
                self._lost = True
                return
            except SQLAlchemyError as error:
                _log.warning("heartbeat_missed", job=self._claim.job_id, error=str(error))
                # Nobody can tell any more whether the lease still holds: stop before it surely does not.
                self._lost = silent >= 2 * third
