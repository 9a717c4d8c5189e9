"""The drill: a backup under load comes back whole in another place; damaged or forged backups are refused by name."""

import hashlib
import json
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from repo_service import wiring
from repo_service.context import Context
from repo_service.errors import Conflict, Invalid
from repo_service.models import File, Job, Resource
from repo_service.policy import ANONYMOUS
from repo_service.services import backup, doctor, indexing, restore
from repo_service.settings import Settings
from repo_service.storage.port import BLOBS
from tests import support
from tests.repo_service.platform.conftest import LESSON, Stocked


@pytest.fixture
def saved(stocked: Stocked, tmp_path: Path) -> Path:
    """A backup of the stocked installation."""
    backup.backup(stocked.ctx, tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Context]:
    """An empty place to restore into."""
    ctx = wiring.build(Settings(data_dir=tmp_path / "elsewhere"), index_writer=True)
    yield ctx
    ctx.close()


def titles(ctx: Context) -> set[str]:
    with ctx.db.read() as session:
        return set(session.scalars(select(Resource.title)))


def found(ctx: Context, words: str) -> set[str]:
    page = indexing.search(ctx, ANONYMOUS, indexing.SearchRequest(q=words))
    return {hit.id for hit in page.hits}


def test_backup_under_load_comes_back_whole(stocked: Stocked, elsewhere: Context, tmp_path: Path) -> None:
    ctx, stop, made = stocked.ctx, threading.Event(), list[str]()
    giver = support.institution(ctx, "second")

    def deposit_on() -> None:
        while not stop.is_set():
            number = len(made)
            made.append(support.deposit(ctx, giver, f"lesson-{number}.md", LESSON + str(number).encode()))

    load = threading.Thread(target=deposit_on)
    load.start()
    try:
        while len(made) < 3:
            stop.wait(0.05)
        acknowledged = {stocked.resource_id, *made}
        outcome = backup.backup(ctx, tmp_path / "backup")
    finally:
        stop.set()
        load.join()
    assert outcome.problems == []
    assert backup.verify(tmp_path / "backup") == outcome
    assert restore.restore(elsewhere, tmp_path / "backup") == outcome
    indexing.reindex(elsewhere)
    support.settle(elsewhere)
    assert acknowledged <= found(elsewhere, "气瓶")
    assert doctor.examine(elsewhere) == []


def test_what_was_under_way_goes_on_after_restore(stocked: Stocked, elsewhere: Context, tmp_path: Path) -> None:
    with stocked.ctx.db.write() as session:
        session.execute(update(Job).values(state="running", worker="elsewhere:1:1", lease_until=stocked.ctx.clock()))
    backup.backup(stocked.ctx, tmp_path / "backup")
    restore.restore(elsewhere, tmp_path / "backup")
    support.settle(elsewhere)
    with elsewhere.db.read() as session:
        assert set(session.scalars(select(Job.state))) == {"done"}
    assert doctor.examine(elsewhere) == []


def test_the_sums_are_those_of_coreutils(saved: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=saved, check=True)


def test_neither_backup_nor_restore_overwrites(stocked: Stocked, saved: Path) -> None:
    with pytest.raises(Conflict, match=str(saved)) as refused:
        backup.backup(stocked.ctx, saved)
    assert refused.value.stable_code == "backup_not_empty"
    with pytest.raises(Conflict) as refused:
        restore.restore(stocked.ctx, saved)
    assert refused.value.stable_code == "restore_not_empty"


@pytest.mark.parametrize("log", ["-wal", "-shm", "-journal"])
def test_what_a_killed_server_left_beside_its_database_is_not_restored_under(
    stocked: Stocked, saved: Path, elsewhere: Context, log: str
) -> None:
    """SQLite would play the log of the database that was moved away back into the one that was restored."""
    left = elsewhere.settings.data_dir / f"xuehai.db{log}"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes((stocked.ctx.settings.data_dir / "xuehai.db-wal").read_bytes())
    with pytest.raises(Conflict, match=f"xuehai.db{log}$") as refused:
        restore.restore(elsewhere, saved)
    assert refused.value.stable_code == "restore_not_empty"
    assert not (elsewhere.settings.data_dir / "xuehai.db").exists()
    left.unlink()
    restore.restore(elsewhere, saved)
    assert titles(elsewhere) == titles(stocked.ctx)


def test_a_blob_that_is_lost_is_told_and_the_others_come(stocked: Stocked, elsewhere: Context, tmp_path: Path) -> None:
    with stocked.ctx.db.read() as session:
        sha256 = session.scalars(select(File.sha256).where(File.source_id.is_(None))).one()
    stocked.ctx.store.delete(BLOBS + sha256)
    outcome = backup.backup(stocked.ctx, tmp_path / "backup")
    assert [sha256 in problem for problem in outcome.problems] == [True]
    assert any(sha256 in problem for problem in backup.verify(tmp_path / "backup").problems)
    assert restore.restore(elsewhere, tmp_path / "backup").blobs == outcome.blobs > 0
    assert titles(elsewhere) == titles(stocked.ctx)


def a_blob_of(folder: Path) -> Path:
    return next(path for path in (folder / "blobs").rglob("*") if path.is_file())


def cut_database(folder: Path) -> None:
    (folder / "xuehai.db").write_bytes((folder / "xuehai.db").read_bytes()[:5000])


def add_trigger(folder: Path) -> None:
    """A forged backup whose sums fit: the database would act by itself."""
    with closing(sqlite3.connect(folder / "xuehai.db")) as connection:
        connection.execute("CREATE TRIGGER evil AFTER INSERT ON audit BEGIN DELETE FROM resource; END")
    sums = (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    sums[0] = f"{hashlib.sha256((folder / 'xuehai.db').read_bytes()).hexdigest()}  xuehai.db"
    seal(folder, sums)


def climb_out(folder: Path) -> None:
    seal(folder, [*(folder / "SHA256SUMS").read_text(encoding="ascii").splitlines(), f"{'a' * 64}  ../../etc/passwd"])


def seal(folder: Path, sums: list[str]) -> None:
    text = "\n".join(sums) + "\n"
    (folder / "SHA256SUMS").write_text(text, encoding="ascii")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sums_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def interrupt(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("spoil", [cut_database, add_trigger, climb_out, interrupt])
def test_a_backup_that_is_not_whole_is_refused(saved: Path, elsewhere: Context, spoil: Callable[[Path], None]) -> None:
    spoil(saved)
    with pytest.raises(Invalid) as refused:
        restore.restore(elsewhere, saved)
    assert refused.value.stable_code == "backup_unreadable"
    assert not (elsewhere.settings.data_dir / "xuehai.db").exists()


def test_a_blob_that_is_a_link_or_was_changed_does_not_come_in(saved: Path, elsewhere: Context) -> None:
    changed = a_blob_of(saved)
    changed.write_bytes(b"something else")
    linked = next(path for path in (saved / "blobs").rglob("*") if path.is_file() and path != changed)
    linked.unlink()
    linked.symlink_to("/etc/hostname")
    assert len(backup.verify(saved).problems) == 2
    assert len(restore.restore(elsewhere, saved).problems) == 2
    assert {stored.key for stored in elsewhere.store.scan("")}.isdisjoint({BLOBS + changed.name, BLOBS + linked.name})


def test_verify_reads_the_installation_too(stocked: Stocked) -> None:
    outcome = backup.verify_live(stocked.ctx)
    assert (outcome.resources, outcome.problems) == (1, [])
    assert outcome.bytes > len(LESSON)
    with stocked.ctx.db.read() as session:
        sha256 = session.scalars(select(File.sha256).limit(1)).one()
    stocked.ctx.store.delete(BLOBS + sha256)
    assert [sha256 in problem for problem in backup.verify_live(stocked.ctx).problems] == [True]
