"""Claims, leases and fences: who may work, and what becomes of a job that does not end well."""

import pytest

from ingest.errors import IngestError
from ingest.model import Step, StepInput, StepOutput, Surroundings
from repo_service.errors import LostLease
from repo_service.models import Job, Resource
from repo_service.services import jobs, upkeep
from repo_service.services.jobs import Claim
from tests.repo_service.jobs.conftest import Bench, Line, making

pytestmark = pytest.mark.both_databases

LINE = Line((Step("make", 1, making("a.txt", b"a"), heavy=True),))


def claimed(bench: Bench, worker: str = "w") -> Claim:
    claim = jobs.claim(bench.ctx, worker)
    assert claim is not None
    return claim


def fail(bench: Bench, claim: Claim, *, retryable: bool) -> bool:
    with bench.ctx.db.write() as session:
        return jobs.fail(session, bench.ctx, claim, "broken", "why", retryable=retryable, pipeline=LINE)


def test_a_job_is_claimed_once(bench: Bench) -> None:
    bench.give(LINE)
    claim = claimed(bench, "first")
    assert jobs.claim(bench.ctx, "second") is None
    job = bench.job("identify")
    assert (job.state, job.worker, job.attempt, job.fence) == ("running", "first", 1, 1)
    assert claim.fence == 1
    assert job.lease_until is not None
    assert (job.lease_until - bench.clock()).total_seconds() == bench.ctx.settings.lease_seconds


def test_heavy_and_light_jobs_have_their_own_workers(bench: Bench) -> None:
    bench.give(LINE)
    assert jobs.claim(bench.ctx, "w", heavy=True) is None
    assert bench.work(LINE, heavy=False) == 1
    assert jobs.claim(bench.ctx, "w", heavy=False) is None
    assert bench.work(LINE, heavy=True) == 1


def test_the_oldest_file_comes_first(bench: Bench) -> None:
    first = bench.give(LINE, "first.txt")
    bench.give(LINE, "second.txt")
    assert claimed(bench).file_id == first.id


def test_a_heartbeat_begins_the_lease_anew(bench: Bench) -> None:
    bench.give(LINE)
    claim = claimed(bench)
    bench.clock.tick(seconds=50)
    jobs.heartbeat(bench.ctx, claim, 0.5)
    bench.clock.tick(seconds=50)
    assert upkeep.interrupt_expired(bench.ctx, pipeline=LINE) == 0
    assert bench.job("identify").progress == 0.5


def test_who_is_silent_loses_the_job_and_can_write_nothing(bench: Bench) -> None:
    bench.give(LINE)
    claim = claimed(bench)
    bench.clock.tick(seconds=61)
    assert upkeep.interrupt_expired(bench.ctx, pipeline=LINE) == 1
    assert bench.job("identify").interruptions == 1
    claimed(bench, "other")
    with pytest.raises(LostLease):
        jobs.heartbeat(bench.ctx, claim)
    with pytest.raises(LostLease):
        jobs.release(bench.ctx, claim)
    with pytest.raises(LostLease):
        fail(bench, claim, retryable=True)
    assert (bench.job("identify").worker, bench.job("identify").failures) == ("other", 0)


def test_ten_lost_workers_end_a_job(bench: Bench) -> None:
    bench.give(LINE)
    for _ in range(jobs.MAX_INTERRUPTIONS):
        bench.clock.tick(seconds=20)
        claimed(bench)
        bench.clock.tick(seconds=61)
        upkeep.interrupt_expired(bench.ctx, pipeline=LINE)
    job = bench.job("identify")
    assert (job.state, job.error_code, job.interruptions, job.failures) == ("failed", "interrupted", 10, 0)


def test_three_failures_end_a_job_with_growing_pauses(bench: Bench) -> None:
    bench.give(LINE)
    pauses = []
    for _ in range(2):
        assert not fail(bench, claimed(bench), retryable=True)
        due = bench.job("identify").not_before
        assert due is not None
        pauses.append((due - bench.clock()).total_seconds())
        assert jobs.claim(bench.ctx, "w") is None
        bench.clock.tick(seconds=pauses[-1])
    assert pauses == [5, 10]
    assert fail(bench, claimed(bench), retryable=True)
    job = bench.job("identify")
    assert (job.state, job.error_code, job.error_detail, job.failures) == ("failed", "broken", "why", 3)


def test_what_trying_again_cannot_help_ends_at_once(bench: Bench) -> None:
    bench.give(LINE)
    assert fail(bench, claimed(bench), retryable=False)
    assert bench.job("identify").state == "failed"


def test_handing_back_counts_nothing(bench: Bench) -> None:
    bench.give(LINE)
    jobs.release(bench.ctx, claimed(bench))
    job = bench.job("identify")
    assert (job.state, job.failures, job.interruptions, job.attempt) == ("ready", 0, 0, 1)
    assert claimed(bench).fence == 2


def test_a_cancelled_job_takes_its_worker_along(bench: Bench) -> None:
    file = bench.give(LINE)
    claim = claimed(bench)
    with bench.ctx.db.write() as session:
        jobs.cancel_for(session, bench.ctx, file)
    with pytest.raises(LostLease):
        jobs.heartbeat(bench.ctx, claim)
    assert bench.states() == {"identify": "cancelled"}


def _refuse(given: StepInput, around: Surroundings) -> StepOutput:
    raise IngestError("bad_bytes", given.name)


@pytest.mark.parametrize(
    ("essential", "role", "expected"),
    [(True, "source", "failed"), (False, "source", "partial"), (True, "captions", "partial")],
)
def test_what_a_failure_means_for_the_resource(bench: Bench, essential: bool, role: str, expected: str) -> None:
    line = Line((Step("make", 1, _refuse, essential=essential), Step("after", 1, _refuse, after=("make",))))
    whole = Line()
    bench.give(whole, "whole.txt")
    bench.work(whole)
    file = bench.give(line, "bad.txt", role=role)
    bench.work(line)
    own = [job for job in bench.jobs() if job.file_id == file.id]
    assert {job.step: job.state for job in own} == {"identify": "done", "make": "failed", "after": "cancelled"}
    assert jobs.processing_of(own, [file], pipeline=line) == ("failed" if role == "source" else expected)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), "none"),
        (("cancelled",), "none"),
        (("ready",), "queued"),
        (("ready", "waiting"), "queued"),
        (("running",), "running"),
        (("done", "waiting"), "running"),
        (("done", "done"), "ready"),
        (("done", "cancelled"), "ready"),
    ],
)
def test_processing_is_derived_from_the_jobs(bench: Bench, states: tuple[str, ...], expected: str) -> None:
    made = [Job(file_id="f", step=f"s{number}", state=state) for number, state in enumerate(states)]
    assert jobs.processing_of(made, [], pipeline=LINE) == expected


def test_a_new_version_is_served_when_it_is_ready(bench: Bench) -> None:
    bench.give(LINE)
    bench.work(LINE)
    with bench.ctx.db.write() as session:
        session.get_one(Resource, bench.resource.id).version = 2
    bench.give(LINE, "new.txt", version=2)
    bench.work(LINE, heavy=False)
    assert bench.fresh().served_version == 1
    bench.work(LINE)
    assert bench.fresh().served_version == 2
