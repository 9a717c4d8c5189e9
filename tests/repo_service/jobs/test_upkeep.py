"""The reconciler, part by part, over the real store and a clock that the test turns."""

import hashlib
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from ingest.model import Step
from repo_service.context import Context
from repo_service.models import Blob, File, Institution, Lease, Outbox, Resource, Upload, new_id
from repo_service.services import blobs, garbage, indexing, jobs, leases, outbox, processing, upkeep, uploads
from repo_service.services.blobs import BlobLeaves
from tests import support
from tests.repo_service.jobs.conftest import Bench, Line, making

pytestmark = pytest.mark.both_databases

LINE = Line((Step("make", 1, making("a.txt", b"a")),))


def keep(bench: Bench, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    bench.ctx.store.write("one", 0, [data])
    bench.ctx.store.keep("one", digest)
    return digest


def blob(bench: Bench, sha256: str) -> Blob | None:
    with bench.ctx.db.read() as session:
        return session.get(Blob, sha256)


def path_of(bench: Bench, sha256: str) -> Path:
    return bench.ctx.settings.data_dir / "objects" / "blobs" / sha256[:2] / sha256[2:4] / sha256


def dead_process() -> str:
    child = subprocess.run(
        [sys.executable, "-c", "from repo_service.services import leases; print(leases.process_name())"],
        check=True,
        capture_output=True,
        text=True,
    )
    return child.stdout.strip()


def test_jobs_of_a_dead_process_are_taken_at_once(bench: Bench) -> None:
    bench.give(LINE)
    jobs.claim(bench.ctx, dead_process())
    bench.give(LINE, "other.txt")
    alive = jobs.claim(bench.ctx, leases.process_name())
    assert alive is not None
    assert upkeep.release_dead(bench.ctx, pipeline=LINE) == 1
    assert [job.state for job in bench.jobs()] == ["ready", "running"]


def test_a_process_is_known_by_its_start_too() -> None:
    name = leases.process_name()
    assert not leases.is_dead(name)
    host, pid, start = name.rsplit(":", 2)
    assert leases.is_dead(f"{host}:{pid}:{int(start) + 1}")
    assert not leases.is_dead(f"elsewhere:{pid}:{int(start) + 1}"), "of other hosts nothing is known"
    assert not leases.is_dead("")
    assert int(pid) == os.getpid()


def test_a_role_is_held_by_one_process_until_it_is_silent(bench: Bench) -> None:
    assert leases.take(bench.ctx, "role", "a:1:1", 60)
    assert leases.take(bench.ctx, "role", "a:1:1", 60)
    assert not leases.take(bench.ctx, "role", "b:1:1", 60)
    bench.clock.tick(seconds=61)
    assert leases.take(bench.ctx, "role", "b:1:1", 60)
    leases.give(bench.ctx, "role", "a:1:1")
    assert not leases.take(bench.ctx, "role", "c:1:1", 60)
    leases.give(bench.ctx, "role", "b:1:1")
    assert leases.take(bench.ctx, "role", "c:1:1", 60)
    assert leases.take(bench.ctx, "other", dead_process(), 60)
    assert leases.take(bench.ctx, "other", "c:1:1", 60), "a dead process holds nothing"
    with bench.ctx.db.read() as session:
        assert session.get_one(Lease, "role").fence == 3


def test_a_ring_that_was_lost_is_repeated_until_the_job_is_taken(bench: Bench) -> None:
    bench.give(LINE)
    assert upkeep.ring_unheard(bench.ctx) == 0, "whoever committed just now rings"
    bench.clock.tick(seconds=6)
    assert upkeep.ring_unheard(bench.ctx) == 1
    assert upkeep.ring_unheard(bench.ctx) == 0
    bench.clock.tick(seconds=31)
    assert upkeep.ring_unheard(bench.ctx) == 1, "ready for long, and nobody came"
    bench.work(LINE)
    bench.clock.tick(minutes=5)
    assert upkeep.ring_unheard(bench.ctx) == 0


def waiting(bench: Bench) -> list[str]:
    """Resources that the index is asked to follow, with those that are asked for twice twice."""
    with bench.ctx.db.read() as session:
        asked = select(Outbox.aggregate).where(Outbox.kind == outbox.INDEX, Outbox.done_at.is_(None))
        return sorted(session.scalars(asked))


def test_a_change_that_nobody_announced_is_indexed(bench: Bench) -> None:
    assert upkeep.want_index_everywhere(bench.ctx) == 1
    assert upkeep.want_index_everywhere(bench.ctx) == 0
    assert waiting(bench) == [bench.resource.id]


def several(bench: Bench, count: int) -> list[str]:
    """So many resources in all, in order of their ids; nobody announced them."""
    with bench.ctx.db.read() as session:
        school = session.get_one(Institution, bench.resource.institution_id)
    return [bench.resource.id, *(support.resource(bench.ctx, school, f"{n}").id for n in range(1, count))]


def test_each_pass_looks_at_a_portion_and_goes_on_where_the_last_one_ended(bench: Bench) -> None:
    ids, walk = several(bench, 5), upkeep.Walk(portion=2)
    for seen in (ids[:2], ids[:4], ids, ids):
        upkeep.reconcile_once(bench.ctx, thorough=False, pipeline=LINE, walk=walk)
        assert waiting(bench) == seen
    indexing.drain(bench.ctx)
    with bench.ctx.db.write() as session:
        session.get_one(Resource, ids[0]).rev += 1
        session.get_one(Resource, ids[4]).rev += 1
    passes = [upkeep.want_index(bench.ctx, walk) for _ in range(3)]
    assert sum(passes) == 2, "wherever a walk stands, each resource has its turn before it comes there again"
    assert waiting(bench) == [ids[0], ids[4]]


def test_a_pass_that_writes_no_more_leaves_nothing_out(bench: Bench) -> None:
    ids, walk = several(bench, 5), upkeep.Walk(most=2)
    assert [upkeep.want_index(bench.ctx, walk) for _ in range(3)] == [2, 2, 1]
    assert waiting(bench) == ids


def test_a_process_that_lives_for_one_pass_only_looks_at_everything(bench: Bench) -> None:
    """Where a walk stands is lost with its process; the sweep that each one begins with knows no portions."""
    ids = several(bench, 5)
    assert upkeep.want_index_everywhere(bench.ctx, upkeep.Walk(portion=2)) == 5
    assert waiting(bench) == ids
    indexing.drain(bench.ctx)
    with bench.ctx.db.write() as session:
        session.get_one(Resource, ids[4]).rev += 1
    assert upkeep.sweep_once(bench.ctx).counts["index_wanted"] == 1


def test_staged_bytes_of_nobody_go_and_those_of_the_living_stay(bench: Bench) -> None:
    bench.give(LINE)
    claim = jobs.claim(bench.ctx, "w")
    assert claim is not None
    store = bench.ctx.store
    with bench.ctx.db.write() as session:
        for name, state in (("open", "open"), ("ended", "terminated")):
            session.add(
                Upload(
                    id=name,
                    secret_sha256=name,
                    institution_id=bench.resource.institution_id,
                    filename="a",
                    state=state,
                    created_at=bench.clock(),
                    expires_at=bench.clock() + timedelta(days=9),
                )
            )
    running = processing.staged_name(claim, 0)
    names = ["open", "ended", "stranger", running, f"job-{claim.job_id}-99-0", f"job-{new_id()}-1-0"]
    for name in names:
        store.write(name, 0, [b"x"])
    garbage.sweep_staging(bench.ctx)
    assert {found.key for found in store.scan("staging/")} == {f"staging/{n}" for n in ("open", "stranger", running)}
    jobs.release(bench.ctx, claim)
    bench.clock.tick(days=400)
    garbage.sweep_staging(bench.ctx)
    assert [found.key for found in store.scan("staging/")] == ["staging/open"]


def test_scratch_of_steps_that_do_not_run_goes(bench: Bench) -> None:
    bench.give(LINE)
    claim = jobs.claim(bench.ctx, "w")
    assert claim is not None
    root = processing.scratch_root(bench.ctx)
    for name in (processing.scratch_name(claim.job_id, claim.fence), processing.scratch_name(claim.job_id, 99)):
        (root / name / "work").mkdir(parents=True)
    assert garbage.sweep_scratch(bench.ctx) == 1
    assert [path.name for path in root.iterdir()] == [f"{claim.job_id}-{claim.fence}"]


def test_an_unknown_blob_rests_for_a_week_and_goes(bench: Bench) -> None:
    digest = keep(bench, b"put, then crashed")
    assert garbage.adopt_unknown(bench.ctx) == 1
    assert garbage.adopt_unknown(bench.ctx) == 0
    bench.clock.tick(days=6)
    assert garbage.delete_quarantined(bench.ctx) == 0
    bench.clock.tick(days=2)
    assert garbage.delete_quarantined(bench.ctx) == 1
    assert blob(bench, digest) is None
    assert not path_of(bench, digest).exists()


def test_bytes_that_come_again_stay(bench: Bench) -> None:
    digest = keep(bench, b"put, then crashed")
    garbage.adopt_unknown(bench.ctx)
    bench.clock.tick(days=8)
    blobs.announce(bench.ctx, [digest])
    assert garbage.delete_quarantined(bench.ctx) == 0, "announced: it has another week"
    file = bench.give(LINE, data=b"put, then crashed")
    bench.clock.tick(days=30)
    garbage.quarantine(bench.ctx)
    assert garbage.delete_quarantined(bench.ctx) == 0
    kept = blob(bench, file.sha256)
    assert kept is not None
    assert kept.state == blobs.PRESENT


def test_two_who_sweep_at_once_delete_nothing_that_came_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one deleted both meanwhile, and somebody brought the second one again."""
    first, second = keep(bench, b"one"), keep(bench, b"two")
    garbage.adopt_unknown(bench.ctx)
    bench.clock.tick(days=8)
    delete, came = garbage._delete, list[str]()

    def after_the_other_one(ctx: Context, sha256: str) -> bool:
        if not came:
            assert all(delete(ctx, one) for one in (first, second))
            came.append(bench.give(LINE, data=b"two").sha256)
        return delete(ctx, sha256)

    monkeypatch.setattr(garbage, "_delete", after_the_other_one)
    assert garbage.delete_quarantined(bench.ctx) == 0
    assert came == [second]
    assert path_of(bench, second).exists()
    kept = blob(bench, second)
    assert kept is not None
    assert kept.state == blobs.PRESENT


def test_what_nobody_foresaw_in_one_part_keeps_no_other_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def unforeseen(*_: object) -> int:
        raise LookupError("unforeseen")

    bench.give(LINE)
    with bench.ctx.db.write() as session:
        session.execute(delete(Outbox))
    monkeypatch.setattr(uploads, "finish_stuck", unforeseen)
    report = upkeep.reconcile_once(bench.ctx, thorough=False, pipeline=LINE)
    assert report.failures == {"uploads_finished": "unforeseen"}
    assert report.counts["index_wanted"] == 1


def test_who_comes_while_bytes_go_is_told_to_come_again(bench: Bench) -> None:
    digest = keep(bench, b"going")
    garbage.adopt_unknown(bench.ctx)
    with bench.ctx.db.write() as session:
        session.get_one(Blob, digest).state = blobs.DELETING
    with pytest.raises(BlobLeaves):
        blobs.announce(bench.ctx, [digest])
    assert garbage.delete_quarantined(bench.ctx) == 1, "a deletion that was cut short is finished"
    blobs.announce(bench.ctx, [digest])


def test_a_blob_in_use_or_young_is_left_alone(bench: Bench) -> None:
    bench.give(LINE)
    bench.work(LINE)
    with bench.ctx.db.write() as session:
        session.delete(session.scalars(select(File).where(File.step == "make")).one())
    assert garbage.quarantine(bench.ctx) == 0
    bench.clock.tick(hours=2)
    assert garbage.quarantine(bench.ctx) == 1


def test_missing_and_changed_bytes_are_told_apart(bench: Bench) -> None:
    bench.give(LINE)
    bench.work(LINE)
    digests = {data: hashlib.sha256(data).hexdigest() for data in (b"lesson", b"a")}
    assert garbage.check_fixity(bench.ctx) == 0
    path_of(bench, digests[b"lesson"]).unlink()
    path_of(bench, digests[b"a"]).write_bytes(b"b")
    assert garbage.check_fixity(bench.ctx) == 0, "they were hashed a moment ago"
    bench.clock.tick(days=91)
    assert garbage.check_fixity(bench.ctx) == 2
    states = {data: found.state for data, digest in digests.items() if (found := blob(bench, digest))}
    assert states == {b"lesson": blobs.MISSING, b"a": blobs.CORRUPT}
    bench.give(LINE, "again.txt", data=b"a")
    healed = blob(bench, digests[b"a"])
    assert healed is not None
    assert (healed.state, path_of(bench, digests[b"a"]).read_bytes()) == (blobs.PRESENT, b"a")


def test_fixity_keeps_to_its_budget(bench: Bench) -> None:
    for number in range(3):
        bench.give(LINE, f"{number}.txt", data=b"x" * (number + 1))
    bench.clock.tick(days=91)
    garbage.check_fixity(bench.ctx, budget=1)
    with bench.ctx.db.read() as session:
        assert len(session.scalars(select(Blob).where(Blob.verified_at == bench.clock())).all()) == 1


def test_a_store_that_is_away_stops_its_parts_only(bench: Bench) -> None:
    bench.give(LINE)
    objects = bench.ctx.settings.data_dir / "objects"
    (objects / "blobs").rename(objects / "gone")
    report = upkeep.reconcile_once(bench.ctx, pipeline=LINE)
    assert "blobs_adopted" in report.failures
    assert report.counts["index_wanted"] == 1
    assert report.failed == len(report.failures)


def test_a_calm_installation_needs_nothing(bench: Bench) -> None:
    bench.give(LINE)
    bench.work(LINE)
    assert upkeep.reconcile_once(bench.ctx, pipeline=LINE).done == 0


def test_a_blob_that_somebody_begins_to_use_in_that_moment_is_left_alone(bench: Bench) -> None:
    """Whoever refers to it has not committed when the sweep looks, and has when the sweep gets to the row."""
    digest = keep(bench, b"used again")
    with bench.ctx.db.write() as session:
        blobs.refer(session, bench.ctx, {digest: 10})
    bench.clock.tick(hours=2)
    sweep = threading.Thread(target=garbage.quarantine, args=(bench.ctx,))
    with bench.ctx.db.write() as session:
        blobs.refer(session, bench.ctx, {digest: 10})
        session.add(
            File(
                resource_id=bench.resource.id,
                version=1,
                role="source",
                path="given/a",
                name="a",
                media_type="text/plain",
                sha256=digest,
                size=10,
                created_at=bench.clock(),
            )
        )
        session.flush()
        sweep.start()
        sweep.join(0.5)  # it waits for the row, or went past it
    sweep.join()
    kept = blob(bench, digest)
    assert kept is not None
    assert kept.state == blobs.PRESENT
