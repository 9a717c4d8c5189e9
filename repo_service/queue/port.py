"""The job queue port: a doorbell. The jobs are rows; a lost ring costs one poll."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

Heard = Callable[[str | None], None]


class JobQueue(Protocol):
    """Wakes workers. Nothing depends on a ring arriving, arriving once, or arriving in order."""

    def ring(self, job_ids: Sequence[str], *, heavy: bool = False) -> None:
        """Say that these jobs are ready; known within seconds to have failed, however the broker is away.

        Raises ConnectionError then; the outbox tries again.
        """
        ...

    def listen(self, heard: Heard, stopping: threading.Event, *, heavy: bool) -> None:
        """Call ``heard`` for rings until ``stopping`` is set, one at a time; each caller is one slot for work.

        With a job's id it may take as long as the job does. With None the ring said only that there is something:
        every listener is told so, of heavy and light, and has to return at once. Raises ConnectionError when the
        broker is away: to be called again.
        """
        ...

    def close(self) -> None:
        """Give back sockets."""
        ...
