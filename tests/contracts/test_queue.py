"""What every job queue must do: wake whoever listens, and never be needed. A new backend adds its maker."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from repo_service.queue.celery import LIGHT, TASK, CeleryQueue
from repo_service.queue.local import LocalQueue
from repo_service.queue.port import JobQueue
from tests.servers.base import free_port

PATIENCE = 15.0
QUIET = 0.5

Maker = Callable[[], JobQueue]

BROKERS = [pytest.param(name, marks=pytest.mark.xdist_group("brokers")) for name in ("rabbit", "redis")]


@pytest.fixture(params=["local", *BROKERS])
def new_queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Makes queues that share one broker, each as another process would hold it."""
    made: list[JobQueue] = []
    url = "" if request.param == "local" else request.getfixturevalue("empty_broker")(request.param)

    def make() -> JobQueue:
        made.append(CeleryQueue(url) if url else LocalQueue(tmp_path))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


class Listener:
    """A thread that listens, and what it heard."""

    def __init__(self, queue: JobQueue, *, heavy: bool = False) -> None:
        self._queue, self._heavy = queue, heavy
        self._stopping = threading.Event()
        self.heard: list[str | None] = []
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it does not stop"

    def _listen(self) -> None:
        self._queue.listen(self._note, self._stopping, heavy=self._heavy)

    def _note(self, job_id: str | None) -> None:
        self.heard.append(job_id)


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def until_heard(listener: Listener, bell: JobQueue, job_id: str = "first", *, heavy: bool = False) -> None:
    """Ring until it is heard: who began to listen a moment ago may not yet be there."""
    until = time.monotonic() + PATIENCE
    while not listener.heard:
        assert time.monotonic() < until, "nobody hears it"
        bell.ring([job_id], heavy=heavy)
        time.sleep(0.1)
    time.sleep(QUIET)
    listener.heard.clear()


def test_who_hears_nothing_stops_when_told_to(new_queue: Maker) -> None:
    with Listener(new_queue()) as listener:
        time.sleep(QUIET)
        assert listener.heard == []


@pytest.mark.parametrize("heavy", [False, True])
def test_a_ring_wakes_who_listens(new_queue: Maker, heavy: bool) -> None:
    bell = new_queue()
    with Listener(new_queue(), heavy=heavy) as listener:
        until_heard(listener, bell, heavy=heavy)
        began = time.monotonic()
        bell.ring(["job"], heavy=heavy)
        eventually(lambda: bool(listener.heard))
        assert time.monotonic() - began < 5
        assert set(listener.heard) <= {None, "job"}


def test_after_many_rings_it_is_quiet_again(new_queue: Maker) -> None:
    bell = new_queue()
    with Listener(new_queue()) as listener:
        until_heard(listener, bell)
        for n in range(50):
            bell.ring([f"job-{n}"])
        eventually(lambda: set(listener.heard) in ({None}, {f"job-{n}" for n in range(50)}))
        time.sleep(QUIET)
        count = len(listener.heard)
        assert count <= 50
        time.sleep(QUIET)
        assert len(listener.heard) == count


def test_ringing_where_nobody_listens_is_no_error(new_queue: Maker) -> None:
    new_queue().ring(["job"])
    new_queue().ring(["job"], heavy=True)


def test_ringing_for_nothing_wakes_nobody(new_queue: Maker) -> None:
    bell = new_queue()
    with Listener(new_queue()) as listener:
        until_heard(listener, bell)
        bell.ring([])
        time.sleep(QUIET)
        assert listener.heard == []


def test_one_may_ring_from_many_threads(new_queue: Maker) -> None:
    bell = new_queue()
    with Listener(new_queue()) as listener:
        until_heard(listener, bell)
        names = [f"job-{n}" for n in range(16)]
        ringing = [threading.Thread(target=bell.ring, args=([name],)) for name in names]
        for thread in ringing:
            thread.start()
        for thread in ringing:
            thread.join(PATIENCE)
        eventually(lambda: set(listener.heard) in ({None}, set(names)))


def test_one_may_listen_again(new_queue: Maker) -> None:
    bell, queue = new_queue(), new_queue()
    for _ in range(2):
        with Listener(queue) as listener:
            until_heard(listener, bell)


def test_closing_twice_is_closing_once(new_queue: Maker) -> None:
    queue = new_queue()
    queue.ring(["job"])
    queue.close()
    queue.close()


@pytest.mark.parametrize("broker", BROKERS)
class TestCelery:
    """What a broker promises besides."""

    def test_a_message_is_a_job_s_id_and_nothing_else(self, broker: str, empty_broker: Callable[[str], str]) -> None:
        url = empty_broker(broker)
        queue = CeleryQueue(url)
        queue.ring(["0192-job"])
        queue.close()
        with Celery(broker=url, set_as_current=False).connection_for_write() as connection:
            box = connection.SimpleQueue(LIGHT, no_ack=True)
            message = box.get(timeout=PATIENCE)
            box.close()
        arguments, keywords, _nothing = message.payload
        assert (arguments, keywords) == (["0192-job"], {})
        assert message.content_type == "application/json"
        assert message.headers["task"] == TASK
        assert message.headers["eta"] is None

    def test_a_film_and_a_leaflet_wait_in_queues_of_their_own(
        self, broker: str, empty_broker: Callable[[str], str]
    ) -> None:
        bell = CeleryQueue(empty_broker(broker))
        with Listener(bell) as light, Listener(bell, heavy=True) as heavy:
            bell.ring(["film"], heavy=True)
            bell.ring(["leaflet"])
            eventually(lambda: (light.heard, heavy.heard) == (["leaflet"], ["film"]))
        bell.close()

    def test_what_came_before_anybody_listened_is_heard(self, broker: str, empty_broker: Callable[[str], str]) -> None:
        bell = CeleryQueue(empty_broker(broker))
        bell.ring(["job"])
        with Listener(bell) as listener:
            eventually(lambda: listener.heard == ["job"])
        bell.close()

    def test_what_is_cut_short_goes_to_somebody_else(self, broker: str, empty_broker: Callable[[str], str]) -> None:
        bell, stopping = CeleryQueue(empty_broker(broker)), threading.Event()
        bell.ring(["job"])
        bell.listen(lambda _job_id: stopping.set(), stopping, heavy=False)
        with Listener(bell) as listener:
            eventually(lambda: listener.heard == ["job"])
        bell.close()

    def test_a_broker_that_is_away_or_silent_keeps_nobody_waiting(
        self, broker: str, empty_broker: Callable[[str], str]
    ) -> None:
        scheme = empty_broker(broker).partition(":")[0]
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            for _ in range(2):
                queue = CeleryQueue(f"{scheme}://user:secret@127.0.0.1:{port}/")
                began = time.monotonic()
                with pytest.raises(ConnectionError) as first:
                    queue.ring(["job"])
                assert time.monotonic() - began < 6
                began = time.monotonic()
                with pytest.raises(ConnectionError):
                    queue.ring(["job"])
                assert time.monotonic() - began < 0.1, "who comes next does not wait again"
                assert "secret" not in str(first.value)
                queue.close()
                silent.close()  # the second time nobody is there

    def test_who_listens_to_a_broker_that_is_away_is_told(
        self, broker: str, empty_broker: Callable[[str], str]
    ) -> None:
        scheme = empty_broker(broker).partition(":")[0]
        queue = CeleryQueue(f"{scheme}://user:secret@127.0.0.1:{free_port()}/")
        with pytest.raises(ConnectionError):
            queue.listen(lambda _job_id: None, threading.Event(), heavy=False)
        queue.close()


class TestLocal:
    """What only the embedded queue promises."""

    def test_every_listener_is_woken_whatever_is_rung_for(self, tmp_path: Path) -> None:
        bell = LocalQueue(tmp_path)
        with Listener(LocalQueue(tmp_path)) as one, Listener(LocalQueue(tmp_path), heavy=True) as other:
            eventually(lambda: len(list(tmp_path.iterdir())) == 2)
            bell.ring(["job"])
            eventually(lambda: one.heard == other.heard == [None])
        assert list(tmp_path.iterdir()) == []

    def test_the_socket_of_a_dead_process_is_swept_away(self, tmp_path: Path) -> None:
        stale = tmp_path / "stale.ring"
        with Listener(LocalQueue(tmp_path)):
            eventually(lambda: bool(list(tmp_path.iterdir())))
            (socket_file,) = tmp_path.iterdir()
            socket_file.rename(stale)
        assert stale.exists()
        LocalQueue(tmp_path).ring(["job"])
        assert not stale.exists()

    def test_a_long_path_is_no_obstacle(self, tmp_path: Path) -> None:
        folder = tmp_path / ("x" * 120) / "data"
        with Listener(LocalQueue(folder)) as listener:
            until_heard(listener, LocalQueue(folder))

    def test_more_rings_than_the_buffer_holds_never_block(self, tmp_path: Path) -> None:
        busy, bell = threading.Event(), LocalQueue(tmp_path)
        go_on, stopping = threading.Event(), threading.Event()

        def sleepy(_job_id: str | None) -> None:
            busy.set()
            go_on.wait(PATIENCE)

        def listen() -> None:
            LocalQueue(tmp_path).listen(sleepy, stopping, heavy=False)

        listening = threading.Thread(target=listen)
        listening.start()
        while not busy.is_set():
            bell.ring(["job"])

        def ring_on() -> None:
            for _ in range(2000):
                bell.ring(["job"])

        ringing = threading.Thread(target=ring_on)
        ringing.start()
        ringing.join(PATIENCE)
        assert not ringing.is_alive()
        stopping.set()
        go_on.set()
        listening.join(PATIENCE)
        bell.close()
