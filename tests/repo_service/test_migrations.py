"""The schema's history ends where the models are, and may be run by everybody at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Misconfigured
from repo_service.migrations import run
from repo_service.models import Base, SearchPin
from tests import support
from tests.servers.databases import created


def database(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/xuehai.db")


@pytest.fixture
def empty(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/xuehai.db"
        return
    with created(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.mark.both_databases
def test_models_and_migrations_agree(empty: str) -> None:
    db = Database(empty)
    run.upgrade(db)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    db.close()


@pytest.mark.both_databases
def test_a_second_run_does_nothing(empty: str) -> None:
    db = Database(empty)
    assert run.current(db) is None
    with pytest.raises(Misconfigured, match="xuehai migrate"):
        run.require_newest(db)
    assert run.upgrade(db)
    assert run.current(db) == run.newest()
    assert not run.upgrade(db)
    run.require_newest(db)
    db.close()


def test_nobody_else_may_read_the_embedded_database(tmp_path: Path) -> None:
    db = database(tmp_path)
    run.upgrade(db)
    assert (tmp_path / "xuehai.db").stat().st_mode & 0o777 == 0o600
    db.close()


@pytest.mark.both_databases
def test_many_at_once_migrate_once(empty: str) -> None:
    databases = [Database(empty) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(run.upgrade, databases)) == 1
    assert set(inspect(databases[0].engine).get_table_names()) >= set(Base.metadata.tables)
    for db in databases:
        db.close()


@pytest.mark.both_databases
def test_the_time_limits_of_migrations_end_with_them(empty: str) -> None:
    db = Database(empty)
    run.upgrade(db)
    with db.write() as session:
        if not db.is_sqlite:
            limits = [session.execute(text(f"SHOW {name}")).scalar() for name in ("lock_timeout", "statement_timeout")]
            assert limits == ["0", "0"]
        session.execute(text("DELETE FROM lease"))
    db.close()


def test_a_migration_gives_up_rather_than_stand_in_the_way(postgres_url: str) -> None:
    with created(postgres_url) as url:
        db = Database(url)
        run.upgrade(db)
        with run._connection(db) as connection, db.write() as reader:
            reader.execute(text("SELECT count(*) FROM lease"))
            with pytest.raises(OperationalError, match="lock timeout"):
                connection.execute(text("ALTER TABLE lease ADD COLUMN more integer"))
        db.close()


def test_on_a_server_only_migrate_migrates(postgres_url: str, tmp_path: Path) -> None:
    with created(postgres_url) as url:
        environment = os.environ | {"XUEHAI_DATABASE_URL": url, "XUEHAI_DATA_DIR": str(tmp_path), "LC_ALL": "C.UTF-8"}

        def xuehai(*words: str) -> subprocess.CompletedProcess[str]:
            command = [str(Path(sys.executable).with_name("xuehai")), *words]
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

        for words in (("worker", "--until-idle"), ("serve", "--port", "0", "--content-port", "0")):
            refused = xuehai(*words)
            assert (refused.returncode, "xuehai migrate" in refused.stderr) == (2, True), refused.stderr
        assert xuehai("migrate").returncode == 0
        assert xuehai("doctor").returncode == 0


def test_foreign_keys_are_checked_again_afterwards(tmp_path: Path) -> None:
    db = database(tmp_path)
    run.upgrade(db)
    with db.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    db.close()


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    db = database(tmp_path)
    run.upgrade(db)
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(Misconfigured, match="newer"):
        run.upgrade(db)
    db.close()


def test_revisions_are_one_line() -> None:
    scripts = list(ScriptDirectory(str(run.HERE)).walk_revisions())
    assert [script.revision for script in reversed(scripts)] == run.revisions()


@pytest.mark.both_databases
def test_pins_forget_where_their_query_was_cut(ctx: Context) -> None:
    school = support.institution(ctx)
    one, two = (support.resource(ctx, school).id for _ in range(2))
    made = {"hides": False, "created_at": ctx.clock(), "typed": "碳中和"}
    with ctx.db.write() as session:
        for words, resource in (("碳 中和", one), ("碳中 和", one), ("碳 中和", two), ("cet-4 英语 考试", one)):
            session.add(SearchPin(words=words, resource_id=resource, **made))
            session.flush()
        session.execute(text("UPDATE alembic_version SET version_num = 'r0006'"))
    with run._connection(ctx.db) as connection:
        command.upgrade(run.config(connection), "r0007")  # the others find what they make already there
    with ctx.db.read() as session:
        held = {(pin.words, pin.resource_id) for pin in session.query(SearchPin)}
    assert held == {("碳中和", one), ("碳中和", two), ("cet-4 英语考试", one)}
