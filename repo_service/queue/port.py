"""The job queue port: a doorbell. The jobs are rows; a lost ring costs one poll."""

from collections.abc import Sequence
from typing import Protocol


class JobQueue(Protocol):
    """Wakes workers. Nothing depends on a ring arriving, arriving once, or arriving in order."""

    def ring(self, job_ids: Sequence[str], *, heavy: bool = False) -> None:
        """Say that these jobs are ready. Raises ConnectionError when the broker is away; the outbox tries again."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when it rang, or after ``seconds``."""
        ...

    def close(self) -> None:
        """Give back sockets."""
        ...
