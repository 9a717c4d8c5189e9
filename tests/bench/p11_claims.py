"""P11: claims of many workers on PostgreSQL: none twice, none lost, and how many a second."""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert, select

from repo_service import wiring
from repo_service.context import Context
from repo_service.migrations import run
from repo_service.models import Blob, File, Job, new_id
from repo_service.services import jobs, leases
from repo_service.settings import Settings
from tests import support
from tests.bench.harness import Goal, Measures, Verdict, column, judged
from tests.servers.postgres import postgres

WORKERS = 8
JOBS, JOBS_SMALL = 10_000, 1_000
HASH = "0" * 64


def setup(folder: Path, small: bool) -> None:
    """Nothing is shared between runs: each has a database of its own."""


def postgresql(folder: Path, small: bool) -> Measures:
    """So many processes claim until nothing is left; ``wrong`` counts jobs that were claimed twice or never."""
    count = JOBS_SMALL if small else JOBS
    with tempfile.TemporaryDirectory(prefix="xuehai-bench-") as home, postgres(Path(home)) as url:
        with closing(opened(url, Path(home))) as ctx:
            run.upgrade(ctx.db)
            ready = furnish(ctx, count)
        began, claimed = _claimed_by_all(url, Path(home))
    claims = Counter(name for name, _ in claimed)
    wrong = sum(claims[name] != 1 for name in ready) + len(claims.keys() - set(ready))
    return {"rate": count / (max(moment for _, moment in claimed) - began), "wrong": wrong}


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """None twice, none lost; the rate is stated."""
    rates = column(runs["postgresql"], "rate")
    wrong = max(column(runs["postgresql"], "wrong"))
    return [
        judged("jobs claimed twice or never", wrong, 0, at_least=False, unit="jobs"),
        Verdict(f"claims by {WORKERS} workers on PostgreSQL", sorted(rates)[len(rates) // 2], 0, True, unit="/s"),
    ]


GOAL = Goal("P11", "Claims", setup, {"postgresql": postgresql}, check, rounds=3, rounds_small=1, steady="rate")


def opened(url: str, folder: Path) -> Context:
    """The parts, over this database."""
    return wiring.build(Settings(data_dir=folder / "data", database_url=url))


def furnish(ctx: Context, count: int) -> list[str]:
    """So many ready jobs, each of a file of its own; their ids."""
    resource, now = support.resource(ctx, support.institution(ctx)), ctx.clock()
    files, rows = [], []
    for number in range(count):
        file = {"id": new_id(), "resource_id": resource.id, "version": 1, "role": "source", "sha256": HASH, "size": 1}
        files.append(file | {"path": f"given/{number}", "name": "a.txt", "media_type": "", "created_at": now})
        job = {"id": new_id(), "resource_id": resource.id, "version": 1, "file_id": file["id"], "step": "identify"}
        rows.append(job | {"step_version": 1, "state": "ready", "created_at": now})
    with ctx.db.write() as session:
        session.add(Blob(sha256=HASH, size=1, created_at=now))
        session.flush()
        session.execute(insert(File), files)
        session.execute(insert(Job), rows)
    return [str(row["id"]) for row in rows]


def claim_all(url: str, folder: str) -> None:
    """Be one of the workers: wait for the start, claim until nothing is left, print ids and moments."""
    with closing(opened(url, Path(folder))) as ctx:
        with ctx.db.read() as session:
            session.scalar(select(Job.id).limit(1))
        print("ready", flush=True)
        sys.stdin.readline()
        said, name = [], leases.process_name()
        while True:
            claim = jobs.claim(ctx, name)
            if claim is not None:
                said.append(f"{claim.job_id} {time.time()}")
                continue
            with ctx.db.read() as session:
                if session.scalar(select(Job.id).where(Job.state == "ready").limit(1)) is None:
                    break
        print("\n".join(said))


def _claimed_by_all(url: str, folder: Path) -> tuple[float, list[tuple[str, float]]]:
    """When all began, and each claim with its moment."""
    code = "import sys; from tests.bench.p11_claims import claim_all; claim_all(*sys.argv[1:])"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, url, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(WORKERS)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    began = time.time()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    lines = [line.split() for worker in workers for line in worker.communicate(timeout=600)[0].splitlines()]
    assert all(worker.returncode == 0 for worker in workers)
    return began, [(line[0], float(line[1])) for line in lines]
