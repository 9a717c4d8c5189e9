"""An embedder that nobody waits for: questions have a deadline, and after a failure it is left alone for a while."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from threading import Lock
from typing import TypeVar

from search.semantic import Embedder, EmbeddingRefused, EmbeddingUnavailable, Vector

DEADLINE_SECONDS = 0.3  # a search waits for the vector of its question
PAUSE_SECONDS = 30.0
AT_ONCE = 2  # questions
REMEMBERED = 256  # questions: pages that follow are in the same order
PROBE = "如何开始学习？"

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class GuardedEmbedder:
    """Vectors, or nothing in time. Its threads and its model come into being when it is first asked."""

    def __init__(self, embedder: Embedder, *, deadline: float = DEADLINE_SECONDS, pause: float = PAUSE_SECONDS) -> None:
        self._embedder = embedder
        self._deadline, self._pause = deadline, pause
        self._threads = ThreadPoolExecutor(AT_ONCE, "embedding")  # starts none before there is work
        self._lock = Lock()
        self._known: dict[str, Vector] = {}
        self._reason = "no vector was made yet"
        self._off_until = 0.0  # by the monotonic clock

    def question(self, text: str) -> Vector | None:
        """The vector of a question; None when it cannot be had before the deadline. Never raises."""
        with self._lock:
            known = self._known.get(text)
        return known if known is not None else self._in_time(text)

    def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts, however long that takes. Raises EmbeddingUnavailable, EmbeddingRefused among them."""
        return self._watched(lambda: self._embedder.documents(texts))

    def takes_anything(self) -> bool:
        """Whether a text as plain as can be is taken; else it is not the texts that are wrong."""
        try:
            self._watched(lambda: self._embedder.documents([PROBE]))
        except EmbeddingUnavailable as error:
            self._failed(error)
            return False
        return True

    def wrong(self) -> str:
        """Why there are no vectors for now; empty when there are. Asks for one unless the last time went well."""
        with self._lock:
            reason = self._reason
        if reason:
            self._in_time(PROBE)
        with self._lock:
            return self._reason

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._embedder.close()

    def _in_time(self, text: str) -> Vector | None:
        if self._resting():
            return None
        try:
            asked = self._threads.submit(self._remembered, text)
        except RuntimeError:  # closed
            return None
        try:
            return asked.result(self._deadline)
        except TooLate:
            asked.cancel()  # unless it has begun: then the next one who asks this finds it made
        except EmbeddingUnavailable as error:
            _log.debug("a question without a vector: %s", error)
        return None

    def _remembered(self, text: str) -> Vector:
        made = self._watched(lambda: self._embedder.question(text))
        with self._lock:
            self._known[text] = made
            while len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return made

    def _resting(self) -> bool:
        with self._lock:
            return time.monotonic() < self._off_until

    def _watched(self, make: Callable[[], _Result]) -> _Result:
        """Make vectors unless that failed a short while ago, and remember how it went."""
        if self._resting():
            raise EmbeddingUnavailable(self._reason)
        try:
            made = make()
        except EmbeddingRefused:
            raise
        except EmbeddingUnavailable as error:
            self._failed(error)
            raise
        with self._lock:
            self._reason = ""
        return made

    def _failed(self, error: EmbeddingUnavailable) -> None:
        with self._lock:
            self._reason = str(error)
            self._off_until = time.monotonic() + self._pause
        _log.warning("search goes on without meaning for %.0f s: %s", self._pause, error)
