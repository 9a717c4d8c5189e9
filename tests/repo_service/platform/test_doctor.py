"""The doctor finds each fault by its kind, finds nothing where nothing is wrong, and mends what it may."""

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Audit, Blob, File, Job, Outbox, Passage, Resource
from repo_service.services import blobs, doctor, jobs, outbox
from repo_service.services.invariants import Finding
from search.model import Document, Tombstone
from tests import support
from tests.repo_service.platform.conftest import Stocked

pytestmark = pytest.mark.both_databases

OLD = timedelta(days=30)


def blob(stocked: Stocked, *, made: bool = False) -> tuple[str, Path]:
    """The hash and the place of the given file's bytes, or of something that a step made of it."""
    with stocked.ctx.db.read() as session:
        rows = select(File).where(File.resource_id == stocked.resource_id, File.source_id.is_not(None) == made)
        sha256 = session.scalars(rows).first().sha256  # type: ignore[union-attr]
    root = stocked.ctx.settings.data_dir / "objects" / "blobs"
    return sha256, root / sha256[:2] / sha256[2:4] / sha256


def change(ctx: Context, statement: str, **values: object) -> None:
    """Meddle with the database behind everybody's back, its keys unchecked."""
    with ctx.db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        if ctx.db.is_sqlite:
            driver.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            if not ctx.db.is_sqlite:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement), values)
        if ctx.db.is_sqlite:
            driver.execute("PRAGMA foreign_keys=ON")


def lose_blob(stocked: Stocked) -> str:
    sha256, path = blob(stocked)
    path.unlink()
    return sha256


def lose_made_blob(stocked: Stocked) -> str:
    sha256, path = blob(stocked, made=True)
    path.unlink()
    return sha256


def flip_bytes(stocked: Stocked) -> str:
    sha256, path = blob(stocked, made=True)
    path.chmod(0o600)
    path.write_bytes(bytes(len(path.read_bytes())))
    return sha256


def cut_bytes(stocked: Stocked) -> str:
    sha256, path = blob(stocked, made=True)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    return sha256


def stray_blob(stocked: Stocked) -> str:
    sha256 = hashlib.sha256(b"stray").hexdigest()
    stocked.ctx.store.write("stray", 0, [b"stray"])
    stocked.ctx.store.keep("stray", sha256)
    return sha256


def forgotten_blob(stocked: Stocked) -> str:
    sha256 = stray_blob(stocked)
    change(
        stocked.ctx,
        "INSERT INTO blob (sha256, size, state, created_at, unreferenced_since) VALUES"
        " (:sha256, 5, 'quarantined', '2020-01-01 00:00:00.000000', '2020-01-01 00:00:00.000000')",
        sha256=sha256,
    )
    return sha256


def stray_staging(stocked: Stocked) -> str:
    stocked.ctx.store.write("stray", 0, [b"stray"])
    return "staging/stray"


def lose_blob_row(stocked: Stocked) -> str:
    sha256, _ = blob(stocked)
    change(stocked.ctx, "DELETE FROM blob WHERE sha256 = :sha256", sha256=sha256)
    with stocked.ctx.db.read() as session:
        return session.scalars(select(File.id).where(File.sha256 == sha256)).one()


def lose_outputs(stocked: Stocked) -> str:
    with stocked.ctx.db.write() as session:
        job = session.scalars(select(Job).where(Job.step == "text")).one()
        session.execute(delete(Passage).where(Passage.file_id == job.file_id))
        return job.id


def run_without_lease(stocked: Stocked) -> str:
    with stocked.ctx.db.write() as session:
        job = session.scalars(select(Job).where(Job.step == "text")).one()
        job.state, job.worker, job.lease_until = "running", "nobody", stocked.ctx.clock() - OLD
        return job.id


def hold_back_outbox(stocked: Stocked) -> str:
    with stocked.ctx.db.write() as session:
        row = Outbox(kind=outbox.INDEX, aggregate=stocked.resource_id, created_at=stocked.ctx.clock() - OLD)
        session.add(row)
        session.flush()
        return row.id


def index_a_ghost(stocked: Stocked) -> str:
    stocked.ctx.index.write([Document(id="ghost", rev=1, title="没有这个资源")])
    return "ghost"


def take_out_of_index(stocked: Stocked) -> str:
    stocked.ctx.index.write([Tombstone(id=stocked.resource_id, rev=10_000)])
    change(stocked.ctx, "UPDATE resource SET rev = 10000")
    return stocked.resource_id


def change_unindexed(stocked: Stocked) -> str:
    with stocked.ctx.db.write() as session:
        session.execute(update(Resource).values(rev=Resource.rev + 1))
    return stocked.resource_id


def break_chain(stocked: Stocked) -> str:
    with stocked.ctx.db.write() as session:
        row = session.scalars(select(Audit).order_by(Audit.seq).limit(1)).one()
        row.who = "somebody else"
        return str(row.seq)


FAULTS: list[tuple[str, Callable[[Stocked], str], bool]] = [
    ("missing_blob", lose_blob, False),
    ("missing_blob", lose_made_blob, True),
    ("wrong_bytes", flip_bytes, True),
    ("wrong_size", cut_bytes, True),
    ("orphan_blob", stray_blob, True),
    ("orphan_blob", forgotten_blob, True),
    ("orphan_staging", stray_staging, True),
    ("file_without_blob", lose_blob_row, True),
    ("done_job_without_outputs", lose_outputs, True),
    ("running_without_lease", run_without_lease, True),
    ("unsent_outbox", hold_back_outbox, True),
    ("indexed_not_in_database", index_a_ghost, True),
    ("in_database_not_indexed", take_out_of_index, True),
    ("stale_document", change_unindexed, True),
    ("audit_chain_broken", break_chain, False),
]


def test_a_clean_installation_has_no_findings(stocked: Stocked) -> None:
    assert doctor.examine(stocked.ctx) == []


def test_bytes_on_their_way_are_no_fault(stocked: Stocked) -> None:
    run_without_lease(stocked)
    with stocked.ctx.db.write() as session:
        session.execute(update(Job).values(lease_until=stocked.ctx.clock() + timedelta(minutes=1)))
    stray_blob(stocked)
    assert doctor.examine(stocked.ctx) == []


def test_work_that_goes_on_meanwhile_is_no_fault(stocked: Stocked) -> None:
    giver, stop = support.institution(stocked.ctx, "second"), threading.Event()

    def deposit_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            support.deposit(stocked.ctx, giver, f"lesson-{number}.md", f"# 第{number}课\n\n内容\n".encode())

    work = threading.Thread(target=deposit_on)
    work.start()
    try:
        found = [doctor.examine(stocked.ctx) for _ in range(8)]
    finally:
        stop.set()
        work.join()
    assert found == [[]] * 8


@pytest.mark.parametrize(("kind", "break_it", "mendable"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_each_fault_is_found_and_mended(
    stocked: Stocked, kind: str, break_it: Callable[[Stocked], str], mendable: bool
) -> None:
    broken = break_it(stocked)
    found = doctor.examine(stocked.ctx)
    assert [(one.kind, one.object) for one in found if one.kind == kind] == [(kind, broken)]
    mended = doctor.repair(stocked.ctx, found)
    assert all(one.repaired for one in mended) == mendable
    support.settle(stocked.ctx)
    assert (doctor.examine(stocked.ctx) == []) == mendable


def test_bytes_that_were_claimed_since_they_were_looked_at_are_left(stocked: Stocked) -> None:
    broken = stray_blob(stocked)
    found = doctor.examine(stocked.ctx)
    assert [(one.kind, one.object) for one in found] == [("orphan_blob", broken)]
    support.deposit(stocked.ctx, support.institution(stocked.ctx, "second"), "stray.txt", b"stray")
    assert all(one.repaired for one in doctor.repair(stocked.ctx, found))
    with stocked.ctx.db.read() as session:
        assert session.get_one(Blob, broken).state == blobs.PRESENT


def meanwhile(stocked: Stocked, finding: Finding, act: Callable[[Session], None]) -> None:
    """Mend while somebody else, who holds the resource as all do who move its jobs, comes first."""
    mending = threading.Thread(target=doctor.repair, args=(stocked.ctx, [finding]))
    with stocked.ctx.db.write() as session:
        jobs.lock(session, stocked.resource_id)
        mending.start()
        mending.join(0.5)
        act(session)
    mending.join()


def test_a_step_that_somebody_runs_again_already_is_left_to_it(stocked: Stocked) -> None:
    lose_outputs(stocked)
    (finding,) = doctor.examine(stocked.ctx)

    def run(session: Session) -> None:
        job = session.get_one(Job, finding.object)
        job.state, job.fence, job.lease_until = "running", job.fence + 1, stocked.ctx.clock() + OLD

    meanwhile(stocked, finding, run)
    with stocked.ctx.db.read() as session:
        assert session.get_one(Job, finding.object).state == "running"


def test_a_file_that_was_made_anew_meanwhile_is_not_made_again(stocked: Stocked) -> None:
    lose_made_blob(stocked)
    (finding,) = (one for one in doctor.examine(stocked.ctx) if one.kind == "missing_blob")

    def replace(session: Session) -> None:
        file = session.scalars(select(File).where(File.sha256 == finding.object)).one()
        blobs.refer(session, stocked.ctx, {"0" * 64: 1})
        file.sha256 = "0" * 64

    meanwhile(stocked, finding, replace)
    with stocked.ctx.db.read() as session:
        assert set(session.scalars(select(Job.state))) == {"done"}
