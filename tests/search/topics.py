"""An embedder that knows three topics: at the edge of its port, so that a test knows what is near to what."""

import threading
from collections.abc import Sequence

from search.semantic import EmbeddingRefused, EmbeddingUnavailable, Vector, unit

TOPICS = (("烫", "开水", "热水"), ("嫁接", "果树", "枝条"), ("手机", "微信", "视频"))
UNREADABLE = "读不懂"


class Topics:
    """Counts the words of each topic. ``away`` says why it fails; while ``busy`` is set it makes nothing."""

    name = "topics"

    def __init__(self) -> None:
        self.away = ""
        self.busy = threading.Event()
        self.free = threading.Event()
        self.asked: list[str] = []

    def question(self, text: str) -> Vector:
        """The vector of a question."""
        self.asked.append(text)
        if self.busy.is_set():
            self.free.wait(20)
        return self._vector(text)

    def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts."""
        return [self._vector(text) for text in texts]

    def close(self) -> None:
        """Nothing."""

    def _vector(self, text: str) -> Vector:
        if self.away:
            raise EmbeddingUnavailable(self.away)
        if UNREADABLE in text:
            raise EmbeddingRefused("unreadable")
        return unit([0.2, *(float(sum(text.count(word) for word in topic)) for topic in TOPICS)])
