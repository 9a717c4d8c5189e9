"""Store, queue and index in memory: each call is a point, and each may fail the way the real one may."""

import hashlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime

from repo_service.queue.port import Heard
from repo_service.storage.port import BLOBS, STAGING, Chunks, ObjectMissing, StorageError, Stored
from search.model import Answer, Document, Health, Query, Rejected, Suggestion, Tombstone
from tests.simulation.world import EPOCH, Actor, Broken, World


def _chunks(data: bytes) -> Generator[bytes]:
    if data:
        yield data


class SimStore:
    """Objects in a dictionary; a crash in the middle of a write leaves what was written."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.objects: dict[str, bytes] = {}
        self._modified: dict[str, datetime] = {}

    def write(self, staged: str, offset: int, chunks: Iterable[bytes]) -> int:
        """Extend a staged object chunk by chunk."""
        self._call()
        key = STAGING + staged
        self.objects[key] = self.objects.get(key, b"")[:offset]
        for chunk in chunks:
            self.objects[key] += chunk
            self._modified[key] = self._world.clock()
            self._world.point()
        return len(self.objects[key])

    def keep(self, staged: str, sha256: str) -> Stored:
        """Move the staged object; bytes under a wrong name break the world."""
        self._call()
        data = self.objects.pop(STAGING + staged, None)
        if data is not None:
            if hashlib.sha256(data).hexdigest() != sha256:
                raise Broken("bytes were kept under a hash that is not theirs")
            self.objects[BLOBS + sha256] = data
        elif BLOBS + sha256 not in self.objects:
            raise ObjectMissing(staged)
        self._world.point()
        return Stored(BLOBS + sha256, len(self.objects[BLOBS + sha256]), self._world.clock())

    def read(self, key: str, start: int = 0, length: int | None = None) -> Chunks:
        """The bytes, at once."""
        self._call()
        if key not in self.objects:
            raise ObjectMissing(key)
        end = None if length is None else start + length
        return _chunks(self.objects[key][start:end])

    def close(self) -> None:
        """Nothing is kept."""

    def scan(self, prefix: str) -> Iterator[Stored]:
        """In order of key."""
        self._call()
        for key in sorted(self.objects):
            if key.startswith(prefix) and key in self.objects:
                yield Stored(key, len(self.objects[key]), self._modified.get(key, EPOCH))

    def delete(self, key: str) -> None:
        """Remove it."""
        self._call()
        self.objects.pop(key, None)
        self._world.point()

    def url(self, key: str, *, filename: str, media_type: str, inline: bool) -> str | None:
        """None."""
        return None

    def _call(self) -> None:
        self._world.point()
        if self._world.rng.random() < self._world.faults.store_away:
            raise StorageError("the store is away")


class SimQueue:
    """A doorbell whose rings are lost, doubled and late."""

    def __init__(self, world: World, check: Callable[[Sequence[str]], None]) -> None:
        self._world, self._check = world, check
        self._waiting: list[Actor] = []

    def ring(self, job_ids: Sequence[str], *, heavy: bool = False) -> None:
        """Wake who waits, perhaps, some time."""
        world = self._world
        self._check(job_ids)
        draw = world.rng.random()
        if draw < world.faults.ring_lost / 4:
            raise ConnectionError("the broker is away")
        if draw >= world.faults.ring_lost:
            for actor in self._waiting:
                late = world.rng.choice((0.0, 0.0, 0.2, 5.0)) if world.faults.ring_lost else 0.0
                actor.wake = min(actor.wake, world.now + late)
        world.point()

    def wait(self, seconds: float) -> None:
        """Sleep until then, or until a ring comes through."""
        actor = self._world._here()
        if actor is not None:
            self._waiting.append(actor)
            self._world.sleep(seconds)
            self._waiting.remove(actor)

    def listen(self, heard: Heard, stopping: threading.Event, *, heavy: bool) -> None:
        """Tell of each ring, and now and then of none."""
        while not stopping.is_set():
            self.wait(100)
            heard(None)

    def close(self) -> None:
        """Nothing to give back."""


class SimIndex:
    """Which revision is held of each resource."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.held: dict[str, int] = {}

    def write(self, changes: Sequence[Document | Tombstone]) -> list[Rejected]:
        """A lower revision never replaces a higher one."""
        self._world.point()
        for change in changes:
            self.held[change.id] = max(change.rev, self.held.get(change.id, 0))
        self._world.point()
        return []

    def search(self, query: Query) -> Answer:
        """Nobody asks."""
        return Answer()

    def suggest(self, prefix: str, limit: int = 10) -> list[Suggestion]:
        """Nobody asks."""
        return []

    def scan(self) -> Iterator[tuple[str, int]]:
        """What is held."""
        yield from sorted(self.held.items())

    def rebuild(self, documents: Iterable[Document]) -> list[Rejected]:
        """Begin with nothing but these."""
        self.held = {document.id: document.rev for document in documents}
        return []

    def health(self) -> Health:
        """Always well."""
        return Health(ok=True, documents=len(self.held), generation="g1")

    def close(self) -> None:
        """Nothing is open."""
