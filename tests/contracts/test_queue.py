"""What every job queue must do: wake whoever waits, and never be needed. A new backend adds its maker."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repo_service.queue.local import LocalQueue
from repo_service.queue.port import JobQueue

Maker = Callable[[], JobQueue]
BACKENDS: dict[str, Callable[[Path], JobQueue]] = {"local": LocalQueue}


@pytest.fixture(params=sorted(BACKENDS))
def new_queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Makes queues that share one broker, each as another process would hold it."""
    made: list[JobQueue] = []

    def make() -> JobQueue:
        made.append(BACKENDS[request.param](tmp_path))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


def seconds_until_woken(queue: JobQueue, limit: float) -> float:
    began = time.monotonic()
    queue.wait(limit)
    return time.monotonic() - began


def test_waiting_ends_by_itself(new_queue: Maker) -> None:
    assert 0.05 <= seconds_until_woken(new_queue(), 0.1) < 2


def test_a_ring_wakes_who_waits(new_queue: Maker) -> None:
    listener, bell = new_queue(), new_queue()
    listener.wait(0.01)
    with ThreadPoolExecutor() as pool:
        woken = pool.submit(seconds_until_woken, listener, 20)
        time.sleep(0.1)
        bell.ring(["job"])
        assert woken.result(timeout=10) < 10


def test_a_ring_before_the_wait_is_not_lost_on_who_listens(new_queue: Maker) -> None:
    listener, bell = new_queue(), new_queue()
    listener.wait(0.01)
    bell.ring(["job"], heavy=True)
    assert seconds_until_woken(listener, 20) < 10


def test_many_rings_are_one_awakening(new_queue: Maker) -> None:
    listener, bell = new_queue(), new_queue()
    listener.wait(0.01)
    for n in range(50):
        bell.ring([f"job-{n}"])
    listener.wait(20)
    assert seconds_until_woken(listener, 0.2) >= 0.15


def test_ringing_where_nobody_listens_is_no_error(new_queue: Maker) -> None:
    new_queue().ring(["job"])


def test_ringing_for_nothing_wakes_nobody(new_queue: Maker) -> None:
    listener, bell = new_queue(), new_queue()
    listener.wait(0.01)
    bell.ring([])
    assert seconds_until_woken(listener, 0.2) >= 0.15


def test_closing_twice_is_closing_once(new_queue: Maker) -> None:
    queue = new_queue()
    queue.wait(0.01)
    queue.close()
    queue.close()


class TestLocal:
    """What only the embedded queue promises."""

    def test_every_listener_is_woken(self, tmp_path: Path) -> None:
        listeners = [LocalQueue(tmp_path) for _ in range(3)]
        for listener in listeners:
            listener.wait(0.01)
        LocalQueue(tmp_path).ring(["job"])
        assert all(seconds_until_woken(listener, 20) < 10 for listener in listeners)
        for listener in listeners:
            listener.close()
        assert list(tmp_path.iterdir()) == []

    def test_the_socket_of_a_dead_process_is_swept_away(self, tmp_path: Path) -> None:
        dead = LocalQueue(tmp_path)
        dead.wait(0.01)
        (socket_file,) = tmp_path.iterdir()
        copy = tmp_path / "stale.ring"
        socket_file.rename(copy)
        dead.close()
        assert copy.exists()
        LocalQueue(tmp_path).ring(["job"])
        assert not copy.exists()

    def test_a_long_path_is_no_obstacle(self, tmp_path: Path) -> None:
        folder = tmp_path / ("x" * 120) / "data"
        listener = LocalQueue(folder)
        listener.wait(0.01)
        LocalQueue(folder).ring(["job"])
        assert seconds_until_woken(listener, 20) < 10
        listener.close()

    def test_more_rings_than_the_buffer_holds_never_block(self, tmp_path: Path) -> None:
        listener, bell = LocalQueue(tmp_path), LocalQueue(tmp_path)
        listener.wait(0.01)

        def ring_on() -> None:
            for _ in range(2000):
                bell.ring(["job"])

        ringing = threading.Thread(target=ring_on)
        ringing.start()
        ringing.join(timeout=20)
        assert not ringing.is_alive()
        listener.close()
        bell.close()
