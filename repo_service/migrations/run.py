"""Runs migrations from inside the program: locked, with time limits, and again without harm.

Most starts find the newest schema. They must not pay for Alembic, so it is imported where it has work to do.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from repo_service.db import Database
from repo_service.errors import Misconfigured

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent
ADVISORY_LOCK = 0x7875_6568  # "xueh": one migration at a time in one PostgreSQL database
LOCK_TIMEOUT = "5s"  # rather give up than stand in the way of everybody who waits behind this lock
STATEMENT_TIMEOUT = "10min"


def revisions() -> list[str]:
    """All revisions in order: they form one line, and each file begins with its number."""
    return sorted(path.name.partition("_")[0] for path in (HERE / "versions").glob("r[0-9]*.py"))


def newest() -> str:
    """The revision that this program's schema has."""
    return revisions()[-1]


def current(db: Database) -> str | None:
    """The revision that the database is at; None when it is empty."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def upgrade(db: Database) -> bool:
    """Bring the schema to the newest revision; answer whether anything was done. Safe from many processes at once.

    Raises Misconfigured for a database of a newer program.
    """
    if _is_newest(db):
        return False
    with _locked(db):
        if _is_newest(db):  # another process was faster
            return False
        from alembic import command

        if db.is_sqlite:
            Path(str(db.url.database)).chmod(0o600)  # it holds the hashes of passwords and keys
        with _connection(db) as connection:
            command.upgrade(config(connection), "head")
    return True


def require_newest(db: Database) -> None:
    """Raises Misconfigured unless the schema is the newest one, for databases that only `xuehai migrate` changes."""
    if not _is_newest(db):
        raise Misconfigured(f"the database has revision {current(db)} instead of {newest()}: run `xuehai migrate`")


def config(connection: Connection) -> "Config":
    """Alembic's configuration without a file; `env.py` takes the connection from it."""
    from alembic.config import Config

    found = Config(attributes={"connection": connection})
    found.set_main_option("script_location", str(HERE))
    found.set_main_option("path_separator", "os")
    return found


def _is_newest(db: Database) -> bool:
    found = current(db)
    if found is not None and found not in revisions():
        raise Misconfigured(f"the database has revision {found}, which is newer than this program")
    return found == newest()


@contextmanager
def _connection(db: Database) -> Iterator[Connection]:
    """A connection that DDL may use: time limits on PostgreSQL; on SQLite keys unchecked while tables are rebuilt."""
    engine = db.engine.execution_options(xuehai_write=True)
    with engine.connect() as connection:
        if not db.is_sqlite:
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            connection.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
            connection.commit()
            try:
                yield connection
            finally:
                connection.invalidate()  # what is set above must not go back into the pool
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys=OFF")  # only outside of a transaction has it an effect
        try:
            yield connection
        finally:
            connection.rollback()
            driver.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _locked(db: Database) -> Iterator[None]:
    """Hold the one right to migrate this database; the lock ends with the process, however that ends."""
    if db.is_sqlite:
        with Path(f"{db.url.database}.migrate").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with db.engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
        yield
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")
