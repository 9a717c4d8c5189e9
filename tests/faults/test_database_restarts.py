"""PostgreSQL is started again in the middle of an ingest, in good order and by force: everything ends right."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from ingest.model import Product, Step, StepInput, StepOutput, Surroundings
from repo_service import wiring, worker
from repo_service.db import Database
from repo_service.migrations import run
from repo_service.models import File
from repo_service.services import doctor, upkeep
from repo_service.settings import Settings
from tests import support
from tests.repo_service.jobs.conftest import Bench, Clock, Line
from tests.servers.base import free_port
from tests.servers.postgres import postgres

FILES = 6
PATIENCE = 60.0

pytestmark = [pytest.mark.kill, pytest.mark.slow]


def slowly(given: StepInput, around: Surroundings) -> StepOutput:
    """A step of half a second."""
    for part in range(10):
        around.report(part / 10)
        time.sleep(0.05)
    made = around.scratch / "made.txt"
    made.write_bytes(b"made of " + given.source.read_bytes())
    return StepOutput({}, (Product("text", "made.txt", made, "text/plain"),))


LINE = Line((Step("make", 1, slowly),))


def eventually(holds: Callable[[], bool]) -> None:
    """Asked again, also when the database could not answer."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if holds():
                return
        except OperationalError:
            pass
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.usefixtures("postgres_url")  # where the program is missing, this says so
def test_the_database_may_go_and_come_back_while_steps_run(tmp_path: Path) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="xuehai-postgres-") as folder, ExitStack() as stack:
        url = stack.enter_context(postgres(Path(folder), port))
        own = Settings(data_dir=tmp_path / "data", database_url=url, lease_seconds=3, reconcile_seconds=1)
        ctx = stack.enter_context(closing(wiring.build(own, index_writer=True)))
        run.upgrade(ctx.db)
        bench = Bench(ctx, Clock(), support.resource(ctx, support.institution(ctx)))
        for number in range(FILES):
            bench.give(LINE, f"{number}.txt", data=b"%d" % number)
        with worker.working(ctx, concurrency=2, pipeline=LINE):
            for force in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's words for: end now, and: drop everything
                eventually(lambda: any(job.state == "running" for job in bench.jobs()))
                stop_postgres(Path(folder), force)
                with pytest.raises(OperationalError):
                    bench.jobs()
                stack.enter_context(postgres(Path(folder), port))
            eventually(lambda: all(job.state == "done" for job in bench.jobs()))
        check(bench)


def test_who_stands_still_in_a_transaction_holds_up_nobody(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repo_service.db.STILL_SECONDS", 1)
    lock = text("SELECT pg_advisory_xact_lock(4711)")
    with closing(Database(postgres_url)) as frozen, closing(Database(postgres_url)) as other:

        def stand_still() -> None:
            with frozen.write() as standing:
                standing.execute(lock)
                with other.write() as going:
                    going.execute(lock)  # comes to it once the one that stands is ended
                standing.execute(lock)

        with pytest.raises(OperationalError):
            stand_still()
        with frozen.write() as again:
            again.execute(lock)


def stop_postgres(folder: Path, force: signal.Signals) -> None:
    """Signal the server's first process, and see that it is gone."""
    pid = int((folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
    subprocess.run(["kill", f"-{force.value}", str(pid)], check=True)
    until = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists() and "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)


def check(bench: Bench) -> None:
    """Each file has its one product; nothing is lost, doubled or left over."""
    assert len(bench.jobs()) == 2 * FILES
    assert all(job.failures == 0 for job in bench.jobs())
    with bench.ctx.db.read() as session:
        made = session.scalars(select(File.source_id).where(File.source_id.is_not(None))).all()
    assert len(made) == len(set(made)) == FILES
    upkeep.reconcile_once(bench.ctx, pipeline=LINE)
    support.settle(bench.ctx)
    assert doctor.examine(bench.ctx) == []
