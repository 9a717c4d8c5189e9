"""Faults that only the grown profile knows: a worker that stands still and comes back, a broker that forgets."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from repo_service import wiring
from repo_service.context import Context
from repo_service.models import Job
from repo_service.services import upkeep
from tests.faults.givers import KINDS, Giver, make_courseware
from tests.faults.installed import check, eventually, furnish, made_of, settle
from tests.servers.profiles import GROWN, NewInstallation, as_settings
from tests.servers.redis import ask
from tests.serving import Served, Worker

LEASE = 4.0

pytestmark = [pytest.mark.kill, pytest.mark.slow, GROWN, pytest.mark.timeout(900)]


@dataclass
class Ring:
    """A served installation on servers, without a worker at first; workers share nothing but the servers."""

    ctx: Context
    giver: Giver
    courseware: dict[str, Path]
    folder: Path
    settings: dict[str, str]
    workers: list[Worker] = field(default_factory=list)

    def hire(self) -> Worker:
        """One more worker."""
        self.workers.append(Worker(self.folder / f"worker{len(self.workers)}", **self.settings))
        return self.workers[-1]

    def give_all(self, times: str) -> None:
        """One file of each kind."""
        for kind in KINDS:
            self.giver.give(f"{times}-{kind}", self.courseware[kind])

    def running_in(self, worker: Worker) -> list[Job]:
        """The jobs that this process holds."""
        with self.ctx.db.read() as session:
            running = session.scalars(select(Job).where(Job.state == "running")).all()
        return [job for job in running if f":{worker.pid}:" in (job.worker or "")]

    def flush(self) -> None:
        """Let the broker forget everything."""
        redis = urlsplit(self.settings["XUEHAI_QUEUE_URL"])
        assert ask(redis.port or 0, redis.password or "", "FLUSHALL") == b"+OK\r\n"


@pytest.fixture
def ring(new_installation: NewInstallation, tmp_path: Path) -> Iterator[Ring]:
    urls = new_installation("grown") | {"XUEHAI_LEASE_SECONDS": str(LEASE), "XUEHAI_RECONCILE_SECONDS": "1"}
    settings = as_settings(urls, data_dir=tmp_path / "data")
    key = furnish(settings)
    served = Served(tmp_path / "data", 0, **urls)
    ctx = wiring.build(settings)
    made = Ring(ctx, Giver(served.ready["url"], key, "s"), make_courseware(tmp_path), tmp_path, urls)
    yield made
    ctx.close()
    for worker in made.workers:
        worker.end()
    served.end()


def test_a_worker_that_stood_still_for_three_leases_does_no_harm(ring: Ring) -> None:
    sleeper = ring.hire()
    ring.give_all("first")
    settle(ring.ctx)
    undisturbed = {name.split("-")[-1]: made for name, made in made_of(ring.ctx).items()}
    ring.give_all("second")
    eventually(lambda: bool(ring.running_in(sleeper)), 30)
    os.kill(sleeper.pid, signal.SIGSTOP)
    held = ring.running_in(sleeper)
    try:
        ring.hire()
        time.sleep(3 * LEASE)
        settle(ring.ctx)
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    ring.give_all("third")
    settle(ring.ctx)
    upkeep.reconcile_once(ring.ctx)
    check(ring.ctx, ring.giver.given, undisturbed)
    with ring.ctx.db.read() as session:
        counted = {job.id: (job.failures, job.interruptions) for job in session.scalars(select(Job))}
    assert {counted[job.id] for job in held} <= {(0, 0), (0, 1)}, "standing still is no failure of the step"
    assert sum(failures for failures, _ in counted.values()) == 0


def test_a_broker_that_forgets_costs_nothing(ring: Ring) -> None:
    ring.give_all("first")
    ring.flush()  # every ring so far, with nobody who heard it
    ring.hire()
    settle(ring.ctx)
    undisturbed = {name.split("-")[-1]: made for name, made in made_of(ring.ctx).items()}
    for times in ("second", "third"):
        ring.give_all(times)
        ring.flush()
    settle(ring.ctx)
    upkeep.reconcile_once(ring.ctx)
    check(ring.ctx, ring.giver.given, undisturbed)
