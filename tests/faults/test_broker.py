"""A broker that repeats, mixes, forgets, dies, comes back; a worker that freezes: all jobs end, each effect once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import Celery

from ingest.model import Step
from repo_service import wiring, worker
from repo_service.migrations import run
from repo_service.models import new_id
from repo_service.queue.celery import HEAVY, LIGHT
from repo_service.services import doctor, outbox, upkeep
from repo_service.settings import PREFIX, Settings
from tests import support
from tests.faults.waiting_step import Waiting
from tests.repo_service.jobs.conftest import Bench, Clock, Line, making
from tests.servers import base, rabbit, redis

BROKERS = ["rabbit", "redis"]
PATIENCE = 150.0
NEVER = 3600.0
LINE = Line((Step("light", 1, making("a.txt", b"a")), Step("heavy", 1, making("b.txt", b"b"), heavy=True)))

pytestmark = pytest.mark.xdist_group("brokers")


@contextmanager
def installed(
    folder: Path, url: str, *, reconcile_seconds: float = 1.0, lease_seconds: float = 60.0
) -> Iterator[Bench]:
    """An installation that rings through this broker, with a resource for files."""
    own = Settings(data_dir=folder, queue_url=url, reconcile_seconds=reconcile_seconds, lease_seconds=lease_seconds)
    with closing(wiring.build(own, index_writer=True)) as ctx:
        run.upgrade(ctx.db)
        yield Bench(ctx, Clock(), support.resource(ctx, support.institution(ctx)))


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def all_done(bench: Bench) -> bool:
    return all(job.state == "done" for job in bench.jobs())


def check_once(bench: Bench, files: int) -> None:
    """Each step of each file ran once and made its product once; the doctor finds nothing."""
    assert [(job.step, job.state, job.attempt) for job in bench.jobs() if (job.state, job.attempt) != ("done", 1)] == []
    assert len(bench.jobs()) == 3 * files
    upkeep.reconcile_once(bench.ctx, pipeline=LINE)
    support.settle(bench.ctx)
    assert doctor.examine(bench.ctx) == []


def forget_everything(url: str) -> None:
    """FLUSHALL; RabbitMQ is told to empty its queues."""
    parts = urlsplit(url)
    if parts.scheme == "redis":
        assert redis.ask(parts.port or 0, parts.password or "", "FLUSHALL") == b"+OK\r\n"
        return
    with Celery(broker=url, set_as_current=False).connection_for_write() as connection:
        for queue in (LIGHT, HEAVY):
            connection.default_channel.queue_purge(queue)


@pytest.mark.parametrize("broker", BROKERS)
def test_messages_tripled_and_shuffled_have_their_effect_once(
    broker: str, empty_broker: Callable[[str], str], tmp_path: Path
) -> None:
    rng = random.Random(broker)
    with installed(tmp_path / "data", empty_broker(broker), reconcile_seconds=NEVER) as bench:
        with worker.working(bench.ctx, concurrency=2, reconcile=False, pipeline=LINE):
            for number in range(6):
                bench.give(LINE, f"{number}.txt", data=b"%d" % number)
            for _ in range(100):
                messages = [(job.id, job.heavy) for job in bench.jobs() for _ in range(3)] + [(new_id(), True)]
                rng.shuffle(messages)
                for job_id, heavy in messages:
                    bench.ctx.queue.ring([job_id], heavy=heavy)
                if all_done(bench):
                    break
                time.sleep(0.2)
        check_once(bench, 6)


@pytest.mark.parametrize("broker", BROKERS)
def test_a_broker_that_forgets_everything_loses_no_job(
    broker: str, empty_broker: Callable[[str], str], tmp_path: Path
) -> None:
    url = empty_broker(broker)
    with installed(tmp_path / "data", url) as bench:
        for number in range(4):
            bench.give(LINE, f"{number}.txt", data=b"%d" % number)
        outbox.ring(bench.ctx, bench.jobs())
        forget_everything(url)
        with worker.working(bench.ctx, concurrency=1, pipeline=LINE):
            for number in range(4, 8):
                bench.give(LINE, f"{number}.txt", data=b"%d" % number)
                outbox.ring(bench.ctx, bench.jobs())
                forget_everything(url)
            eventually(lambda: all_done(bench))
        check_once(bench, 8)


class Mortal:
    """A broker of the test's own that is killed and comes back at the same address."""

    def __init__(self, start: Callable[[], AbstractContextManager[str]]) -> None:
        self._start = start
        self._running = start()
        self.url = self._running.__enter__()

    def die(self) -> None:
        """All of it, at once."""
        self._running.__exit__(None, None, None)

    def return_(self) -> None:
        """With what it had kept."""
        self._running = self._start()
        assert self._running.__enter__() == self.url


@pytest.fixture(params=BROKERS)
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mortal]:
    request.getfixturevalue(f"{request.param}_url")  # where the program is missing, this says so
    port = base.free_port()
    starts: dict[str, Callable[[], AbstractContextManager[str]]] = {
        "redis": lambda: redis.redis(tmp_path, port, "secret"),
        "rabbit": lambda: rabbit.rabbit(tmp_path),
    }
    broker = Mortal(starts[request.param])
    yield broker
    broker.die()


@pytest.mark.slow
def test_a_broker_may_die_and_come_back_under_a_worker(mortal: Mortal, tmp_path: Path) -> None:
    with (
        installed(tmp_path / "data", mortal.url, reconcile_seconds=2) as bench,
        worker.working(bench.ctx, concurrency=1, pipeline=LINE),
    ):
        bench.give(LINE, "before.txt", data=b"before")
        outbox.ring(bench.ctx, bench.jobs())
        eventually(lambda: all_done(bench))
        mortal.die()
        bench.give(LINE, "without.txt", data=b"without")
        began = time.monotonic()
        assert not outbox.ring(bench.ctx, [job for job in bench.jobs() if job.state == "ready"])
        assert time.monotonic() - began < 5, "who deposits does not wait for a dead broker"
        eventually(lambda: all_done(bench))
        mortal.return_()
        bench.give(LINE, "after.txt", data=b"after")
        eventually(lambda: all_done(bench))
        check_once(bench, 3)


@pytest.mark.slow
def test_who_listened_hears_again_when_the_broker_is_back(mortal: Mortal, tmp_path: Path) -> None:
    with (
        installed(tmp_path / "data", mortal.url, reconcile_seconds=NEVER) as bench,
        worker.working(bench.ctx, concurrency=1, reconcile=False, pipeline=LINE),
    ):
        mortal.die()
        mortal.return_()
        bench.give(LINE)

        def rung_and_done() -> bool:
            outbox.ring(bench.ctx, [job for job in bench.jobs() if job.state == "ready"])
            return all_done(bench)

        eventually(rung_and_done)  # nobody looks into the database for an hour: it was the ring


@pytest.mark.slow
@pytest.mark.kill
def test_a_worker_that_froze_for_three_leases_changes_nothing(
    empty_broker: Callable[[str], str], tmp_path: Path
) -> None:
    url, go = empty_broker("redis"), tmp_path / "go"
    line = Waiting(go)
    with installed(tmp_path / "data", url, lease_seconds=2.0) as bench:
        environment = {
            f"{PREFIX}{name.upper()}": str(getattr(bench.ctx.settings, name))
            for name in ("data_dir", "queue_url", "lease_seconds", "reconcile_seconds")
        }
        bench.give(line)
        command = [sys.executable, "-m", "tests.faults.waiting_step", str(go)]
        with subprocess.Popen(command, env=os.environ | environment, cwd=Path(__file__).parents[2]) as frozen:
            try:
                eventually(lambda: bench.states().get("make") == "running")
                with bench.ctx.db.write():  # else it may freeze while SQLite lets nobody else write
                    frozen.send_signal(signal.SIGSTOP)
                with worker.working(bench.ctx, concurrency=1, pipeline=line):
                    eventually(lambda: bench.job("make").attempt == 2)
                    go.touch()
                    time.sleep(3 * 2.0)
                    assert bench.job("make").state == "done"
                    made = bench.files()
                    frozen.send_signal(signal.SIGCONT)
                    time.sleep(2.0)
            finally:
                frozen.send_signal(signal.SIGCONT)
                frozen.terminate()
                assert frozen.wait(PATIENCE) == 0
        job = bench.job("make")
        assert (job.state, job.attempt, job.interruptions, job.failures) == ("done", 2, 1, 0)
        assert {path: file.id for path, file in bench.files().items()} == {path: file.id for path, file in made.items()}
        assert len(made) == 1
        upkeep.reconcile_once(bench.ctx, pipeline=line)
        support.settle(bench.ctx)
        assert doctor.examine(bench.ctx) == []
