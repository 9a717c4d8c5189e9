"""The worker with real threads: it hears the bell, works, reconciles, and goes in good order."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ingest.model import Step, StepInput, StepOutput, Surroundings
from repo_service import worker
from repo_service.context import Context
from repo_service.models import Job
from repo_service.services import jobs, outbox
from tests.repo_service.jobs.conftest import Bench, Line, making

pytestmark = pytest.mark.both_databases


@pytest.fixture
def live(bench: Bench) -> Bench:
    """The installation by the real clock."""
    bench.ctx = replace(bench.ctx, clock=lambda: datetime.now(UTC))
    return bench


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def ring(ctx: Context, job: Job) -> None:
    outbox.ring(ctx, [job])


def test_what_is_rung_for_is_done(live: Bench) -> None:
    line = Line((Step("light", 1, making("a", b"a")), Step("heavy", 1, making("b", b"b"), heavy=True)))
    with worker.working(live.ctx, concurrency=1, pipeline=line):
        live.give(line)
        ring(live.ctx, live.job("identify"))
        eventually(lambda: live.states() == {"identify": "done", "light": "done", "heavy": "done"})


def test_a_film_does_not_delay_a_leaflet(live: Bench) -> None:
    go_on = threading.Event()

    def long_step(given: StepInput, around: Surroundings) -> StepOutput:
        go_on.wait(60)
        return StepOutput()

    films = Line((Step("film", 1, long_step, heavy=True),), {"film.mp4": "video"})
    with worker.working(live.ctx, concurrency=1, pipeline=films):
        live.give(films, "film.mp4")
        eventually(lambda: live.states().get("film") == "running")
        leaflet = live.give(films, "leaflet.txt")
        eventually(lambda: next(j.state for j in live.jobs() if j.file_id == leaflet.id) == "done")
        go_on.set()


def test_a_stopped_worker_hands_back_what_it_did(live: Bench) -> None:
    def endless(given: StepInput, around: Surroundings) -> StepOutput:
        while True:
            around.report(0.1)
            time.sleep(0.01)

    line = Line((Step("endless", 1, endless),))
    live.give(line)
    threads = threading.active_count()
    with worker.working(live.ctx, concurrency=1, pipeline=line):
        eventually(lambda: live.states().get("endless") == "running")
    job = live.job("endless")
    assert (job.state, job.failures, job.interruptions) == ("ready", 0, 0)
    assert threading.active_count() == threads


def test_a_step_whose_lease_was_taken_stops(live: Bench) -> None:
    started, stopped = threading.Event(), threading.Event()

    def endless(given: StepInput, around: Surroundings) -> StepOutput:
        started.set()
        try:
            while True:
                around.report(0.1)
                time.sleep(0.01)
        finally:
            stopped.set()

    line = Line((Step("endless", 1, endless),))
    file = live.give(line)
    with worker.working(live.ctx, concurrency=1, reconcile=False, pipeline=line):
        assert started.wait(30), "a job that is cancelled before its step began never begins it"
        with live.ctx.db.write() as session:
            jobs.cancel_for(session, live.ctx, file)
        assert stopped.wait(30)
    assert live.states()["endless"] == "cancelled"


def test_progress_is_told_while_a_step_runs(live: Bench) -> None:
    go_on = threading.Event()

    def half(given: StepInput, around: Surroundings) -> StepOutput:
        around.report(0.5)
        go_on.wait(60)
        return StepOutput()

    line = Line((Step("half", 1, half),))
    live.give(line)
    with worker.working(live.ctx, concurrency=1, reconcile=False, pipeline=line):
        eventually(lambda: live.states().get("half") == "running" and live.job("half").progress == 0.5)
        go_on.set()
