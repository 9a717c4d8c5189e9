"""``kill -9`` at many random moments of a mixed ingest: the site, the worker, its children, the whole machine.

Afterwards every acknowledged upload is one resource, each with exactly what an undisturbed ingest makes of its file,
and `doctor` finds nothing.
"""

import contextlib
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from repo_service import wiring
from repo_service.commands import console
from repo_service.context import Context
from repo_service.models import File, Job, Outbox, Passage, Resource
from repo_service.policy import OPERATOR
from repo_service.services import accounts, doctor, processing, upkeep
from repo_service.settings import Settings
from tests.faults.givers import KINDS, Crowd, Giver, make_courseware
from tests.serving import Served

KILLS = int(os.environ.get("XUEHAI_KILLS", "50"))
SEED = int(os.environ.get("XUEHAI_KILL_SEED", "0"))
SETTLE_SECONDS = 120.0
QUICK = {"XUEHAI_LEASE_SECONDS": "15", "XUEHAI_RECONCILE_SECONDS": "2"}

Made = tuple[tuple[str, ...], int]  # roles of the products, and how many passages

pytestmark = [pytest.mark.kill, pytest.mark.slow]


class Site:
    """A `serve` that is killed in all its parts, and started again over the same folder."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder, self._rng = folder, rng
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.served = Served(folder, self.port, **QUICK)
        self.kills: Counter[str] = Counter()

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
        if all_of_it:
            self.served.process.wait()
            assert self.served.process.stdout is not None
            self.served.process.stdout.close()
            self.served = Served(self._folder, self.port, **QUICK)

    def _part(self, target: str) -> int | None:
        """A process of this kind; the worker's children run only while a step does, and are waited for a little."""
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with contextlib.suppress(OSError, IndexError):
                parts = {self.served.part(pid): pid for pid in self.served.children()}
                if target != "child" and target in parts:
                    return parts[target]
                below = descendants(parts["worker"]) if "worker" in parts else []
                if target == "child" and below:
                    return self._rng.choice(below)
            time.sleep(0.01)
        return None


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text(encoding="ascii").split()]
    return found + [below for child in found for below in descendants(child)]


def furnish(folder: Path) -> str:
    """An installation with one institution and one uploader; answers the uploader's key."""
    ctx = opened(folder)
    console.prepare(ctx.db)
    accounts.create_institution(ctx, OPERATOR, slug="s", name="校", kind="library", division="410100000000")
    password = "a long enough password"
    accounts.create_user(
        ctx, OPERATOR, email="a@example.cn", name="王", role="uploader", institution="s", password=password
    )
    _, key = accounts.create_key(ctx, OPERATOR, email="a@example.cn", scopes=["upload"])
    ctx.close()
    return key


def opened(folder: Path) -> Context:
    return wiring.build(Settings(data_dir=folder))


def made_of(ctx: Context) -> dict[str, Made]:
    """What came of each given file, by its name."""
    with ctx.db.read() as session:
        given = session.scalars(select(File).where(File.source_id.is_(None))).all()
        return {
            file.name: (
                tuple(sorted(session.scalars(select(File.role).where(File.source_id == file.id)))),
                session.scalar(select(func.count()).where(Passage.file_id == file.id)) or 0,
            )
            for file in given
        }


def at_rest(ctx: Context) -> bool:
    """No job and nothing to announce is left."""
    with ctx.db.read() as session:
        jobs = session.scalar(select(func.count()).where(Job.state.in_(("waiting", "ready", "running"))))
        told = session.scalar(select(func.count()).where(Outbox.done_at.is_(None)))
    return not jobs and not told


def settle(ctx: Context) -> None:
    eventually(lambda: at_rest(ctx), SETTLE_SECONDS)


def eventually(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it does not come to rest"
        time.sleep(0.2)


def retry_failed(ctx: Context) -> int:
    """A step whose child was killed three times has failed, as it should; a person asks for it again."""
    with ctx.db.read() as session:
        failed = session.scalars(select(Job).where(Job.state == "failed")).all()
    for resource_id, step in {(job.resource_id, job.step) for job in failed}:
        processing.retry(ctx, OPERATOR, resource_id, step)
    assert all(job.failures == 3 or job.interruptions == 10 for job in failed), [job.error_detail for job in failed]
    return len(failed)


@pytest.mark.timeout(600)
def test_a_mixed_ingest_survives_being_killed_all_the_time(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    courseware = make_courseware(tmp_path)
    key = furnish(tmp_path / "data")
    site = Site(tmp_path / "data", rng)
    giver = Giver(site.served.ready["url"], key, "s")
    ctx = opened(tmp_path / "data")
    try:
        for kind in KINDS:
            giver.give(kind, courseware[kind])
        settle(ctx)
        undisturbed = made_of(ctx)
        with Crowd(giver, courseware) as crowd:
            for number in range(KILLS):
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
        site.served.end()
    assert site.kills.keys() == {"api", "worker", "child", "serve"}


def check(ctx: Context, given: list[str], undisturbed: dict[str, Made]) -> None:
    """Nothing lost, nothing doubled, everything as without the kills."""
    made = made_of(ctx)
    assert sorted(made) == sorted(given), "each acknowledged upload is one file"
    with ctx.db.read() as session:
        assert session.scalar(select(func.count(Resource.id))) == len(given)
        states = Counter(session.scalars(select(Job.state)))
    assert set(states) == {"done"}, states
    assert {name: result for name, result in made.items() if result != undisturbed[name.split("-")[-1]]} == {}
    assert doctor.examine(ctx) == []
