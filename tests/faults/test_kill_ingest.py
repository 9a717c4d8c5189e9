"""``kill -9`` at many random moments of a mixed ingest: the site, the worker, its children, the whole machine.

Afterwards every acknowledged upload is one resource, each with exactly what an undisturbed ingest makes of its file,
and `doctor` finds nothing. On the embedded defaults, and on servers with a worker that shares nothing else.
"""

import contextlib
import os
import random
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from repo_service import wiring
from repo_service.context import Context
from repo_service.models import Job
from repo_service.policy import OPERATOR
from repo_service.services import processing, upkeep
from tests.faults.givers import KINDS, Crowd, Giver, make_courseware
from tests.faults.installed import check, descendants, furnish, made_of, settle
from tests.servers.profiles import PROFILES, NewInstallation, as_settings
from tests.serving import Served, Worker

KILLS = {"embedded": int(os.environ.get("XUEHAI_KILLS", "50")), "grown": int(os.environ.get("XUEHAI_KILLS", "30"))}
SEED = int(os.environ.get("XUEHAI_KILL_SEED", "0"))
QUICK = {"XUEHAI_LEASE_SECONDS": "15", "XUEHAI_RECONCILE_SECONDS": "2"}

pytestmark = [pytest.mark.kill, pytest.mark.slow]


class Site:
    """A `serve` that is killed in all its parts, and started again over the same folder.

    With ``urls`` of servers, the worker is a process of its own, in a folder of its own.
    """

    def __init__(self, folder: Path, rng: random.Random, urls: dict[str, str]) -> None:
        self._folder, self._rng, self._settings = folder, rng, QUICK | urls
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.kills: Counter[str] = Counter()
        self.worker: Worker | None = None
        self.start()

    def start(self) -> None:
        """Start what does not run."""
        self.served = Served(self._folder, self.port, **self._settings)
        if "XUEHAI_QUEUE_URL" in self._settings and self.worker is None:
            self.worker = Worker(self._folder.with_name("elsewhere"), **self._settings)

    def kill_something(self, *, all_of_it: bool) -> None:
        """Kill one process, or the supervisor with or without everything below it, and let it come back."""
        target = "serve" if all_of_it else self._rng.choice(("api", "worker", "child"))
        pid = self.served.process.pid if all_of_it else self._part(target)
        if pid is None:
            return
        below = descendants(pid) if self._rng.random() < 0.5 else []
        for doomed in (pid, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(doomed, signal.SIGKILL)
        self.kills[target] += 1
        if self.worker is not None:
            self.worker.revive()
        if all_of_it:
            self.served.process.wait()
            assert self.served.process.stdout is not None
            self.served.process.stdout.close()
            self.start()

    def end(self) -> None:
        """End it in good order."""
        self.served.end()
        if self.worker is not None:
            self.worker.end()

    def _part(self, target: str) -> int | None:
        """A process of this kind; the worker's children run only while a step does, and are waited for a little."""
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with contextlib.suppress(OSError, IndexError):
                parts = {self.served.part(pid): pid for pid in self.served.children()}
                if self.worker is not None:
                    parts["worker"] = self.worker.pid
                if target != "child" and target in parts:
                    return parts[target]
                below = descendants(parts["worker"]) if "worker" in parts else []
                if target == "child" and below:
                    return self._rng.choice(below)
            time.sleep(0.01)
        return None


def retry_failed(ctx: Context) -> int:
    """A step whose child was killed three times has failed, as it should; a person asks for it again."""
    with ctx.db.read() as session:
        failed = session.scalars(select(Job).where(Job.state == "failed")).all()
    for resource_id, step in {(job.resource_id, job.step) for job in failed}:
        processing.retry(ctx, OPERATOR, resource_id, step)
    assert all(job.failures == 3 or job.interruptions == 10 for job in failed), [job.error_detail for job in failed]
    return len(failed)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_mixed_ingest_survives_being_killed_all_the_time(
    profile: str, new_installation: NewInstallation, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    courseware = make_courseware(tmp_path)
    urls = new_installation(profile)
    settings = as_settings(urls, data_dir=tmp_path / "data")
    key = furnish(settings)
    site = Site(tmp_path / "data", rng, urls)
    giver = Giver(site.served.ready["url"], key, "s")
    ctx = wiring.build(settings)
    try:
        for kind in KINDS:
            giver.give(kind, courseware[kind])
        settle(ctx)
        undisturbed = made_of(ctx)
        with Crowd(giver, courseware) as crowd:
            for number in range(KILLS[profile]):
                time.sleep(rng.uniform(0.1, 1.5))
                site.kill_something(all_of_it=number % 5 == 4)
        assert crowd.failure is None
        settle(ctx)
        if retry_failed(ctx):
            settle(ctx)
        upkeep.reconcile_once(ctx)
        check(ctx, giver.given, undisturbed)
    finally:
        ctx.close()
        site.end()
    assert site.kills.keys() == {"api", "worker", "child", "serve"}
