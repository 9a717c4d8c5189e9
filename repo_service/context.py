"""The running parts, as one value that every service takes as its first argument."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ingest.sandbox import Sandbox
from repo_service.db import Database
from repo_service.queue.port import JobQueue
from repo_service.settings import Settings
from repo_service.storage.port import ObjectStore
from search.port import SearchIndex
from search.semantic_index import SemanticIndex


@dataclass(frozen=True, slots=True)
class Context:
    """Settings turned into parts by `wiring.build`; tests build it too, with a clock of their own.

    ``semantic`` is the index too, where meaning is added to words.
    """

    settings: Settings
    db: Database
    store: ObjectStore
    index: SearchIndex
    queue: JobQueue
    sandbox: Sandbox
    clock: Callable[[], datetime]
    semantic: SemanticIndex | None = None

    def close(self) -> None:
        """Give back what the parts hold."""
        self.queue.close()
        self.index.close()
        self.store.close()
        self.db.close()
