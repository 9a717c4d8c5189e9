"""Many at once, on each database: each job is claimed by one, and the audit trail is one chain."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from sqlalchemy import func, select

from repo_service.models import Audit
from repo_service.services import audit, jobs, leases
from tests.repo_service.jobs.conftest import Bench, Line

THREADS = 8
LINE = Line()

pytestmark = pytest.mark.both_databases


def enqueue(bench: Bench, count: int) -> list[str]:
    """So many ready jobs."""
    first = bench.give(LINE)
    with bench.ctx.db.write() as session:
        for number in range(1, count):
            copy = {name: getattr(first, name) for name in ("resource_id", "version", "role", "sha256", "size", "name")}
            file = type(first)(**copy, path=f"given/{number}", media_type="", created_at=bench.clock())
            session.add(file)
            session.flush()
            jobs.enqueue(session, bench.ctx, file, pipeline=LINE)
    return [job.id for job in bench.jobs()]


def test_each_job_is_claimed_by_one(bench: Bench) -> None:
    ready = enqueue(bench, 120)

    def claim_all(number: int) -> list[str]:
        mine = []
        while claim := jobs.claim(bench.ctx, f"worker {number}"):
            mine.append(claim.job_id)
        return mine

    with ThreadPoolExecutor(THREADS) as pool:
        claimed = list(chain.from_iterable(pool.map(claim_all, range(THREADS))))
    # Who finds the only row that is left taken by another one just now goes home: the rows decide, not who asked last.
    rest = claim_all(THREADS)
    assert Counter(claimed + rest) == Counter(ready)
    assert {job.attempt for job in bench.jobs()} == {1}


def test_one_job_that_all_are_rung_for_is_claimed_by_one(bench: Bench) -> None:
    (job_id,) = enqueue(bench, 1)
    with ThreadPoolExecutor(THREADS) as pool:
        claims = list(pool.map(lambda n: jobs.claim(bench.ctx, f"worker {n}", job_id=job_id), range(THREADS)))
    assert sum(claim is not None for claim in claims) == 1


def test_a_ring_for_another_job_claims_nothing(bench: Bench) -> None:
    enqueue(bench, 1)
    assert jobs.claim(bench.ctx, "w", job_id="no such job") is None


def test_a_role_is_taken_by_one(bench: Bench) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        taken = list(pool.map(lambda n: leases.take(bench.ctx, "role", f"elsewhere:{n}:1", 60), range(THREADS)))
    assert sum(taken) == 1


def test_acts_of_many_are_one_chain(bench: Bench) -> None:
    def act(number: int) -> None:
        for turn in range(10):
            with bench.ctx.db.write() as session:
                audit.record(session, bench.ctx, f"person {number}", "test.act", f"thing {turn}")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(act, range(THREADS)))
    with bench.ctx.db.read() as session:
        assert list(audit.verify(session)) == []
        numbers = select(func.count(), func.max(Audit.seq)).where(Audit.what == "test.act")
        assert session.execute(numbers).one()[0] == THREADS * 10
