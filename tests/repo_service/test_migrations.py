"""The schema's history ends where the models are, and may be run by everybody at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from repo_service.db import Database
from repo_service.errors import Misconfigured
from repo_service.migrations import run
from repo_service.models import Base


def database(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/xuehai.db")


def test_models_and_migrations_agree(tmp_path: Path) -> None:
    db = database(tmp_path)
    run.upgrade(db)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    db.close()


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    db = database(tmp_path)
    assert run.current(db) is None
    assert run.upgrade(db)
    assert run.current(db) == run.newest()
    assert (tmp_path / "xuehai.db").stat().st_mode & 0o777 == 0o600
    assert not run.upgrade(db)
    db.close()


def test_many_at_once_migrate_once(tmp_path: Path) -> None:
    databases = [database(tmp_path) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(run.upgrade, databases)) == 1
    assert set(inspect(databases[0].engine).get_table_names()) >= set(Base.metadata.tables)
    for db in databases:
        db.close()


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


def test_a_server_s_database_must_have_been_migrated(tmp_path: Path) -> None:
    db = database(tmp_path)
    with pytest.raises(Misconfigured, match="xuehai migrate"):
        run.require_newest(db)
    run.upgrade(db)
    run.require_newest(db)
    db.close()
