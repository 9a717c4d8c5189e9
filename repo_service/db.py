"""The database: engine, sessions, and the two kinds of transaction."""

import sqlite3
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

BUSY_SECONDS = 30
CONNECT_SECONDS = 5  # rather an answer that the server is away than none
STILL_SECONDS = 20  # between two statements of a transaction; each of ours takes milliseconds
IDLE_IN_TRANSACTION = "25P03"  # SQLSTATE
POOL = 10  # connections that a process keeps; at its busiest it has three times as many


class Database:
    """Sessions over one engine; the URL alone decides between SQLite and PostgreSQL.

    A ``write`` on SQLite begins with BEGIN IMMEDIATE: the lock is taken before the first read, so that a transaction
    that read and then writes can never fail half-way as "busy".
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgresql_engine(url)
        self._writing = self.engine.execution_options(xuehai_write=True)
        self._watching = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._watcher = object()  # versions of one watch say nothing beside those of another

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; what it holds stays usable after it is closed."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A connection for reading columns: without objects it costs a third of a session."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def stamp(self) -> Hashable:
        """What differs from an earlier stamp of this object if anybody committed anything in between.

        It may differ without a commit too; where the database cannot be asked, it equals no other. On SQLite it costs
        microseconds and waits for nobody (PRAGMA data_version), on PostgreSQL a round trip.
        """
        try:
            return self._version() if self.is_sqlite else self._snapshot()
        except (sqlite3.Error, DBAPIError):
            return object()

    def _version(self) -> Hashable:
        """As one connection sees it that never writes: it counts what all the others commit."""
        with self._watching:
            if self._watch is None:
                self._watch = sqlite3.connect(
                    f"{Path(self.url.database or '').absolute().as_uri()}?mode=ro",
                    uri=True,
                    timeout=0,
                    check_same_thread=False,
                    isolation_level=None,
                )
                self._watcher = object()
            return self._watcher, self._watch.execute("PRAGMA data_version").fetchone()[0]

    def _snapshot(self) -> Hashable:
        """Which transactions are visible now (PostgreSQL, "System Information Functions")."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return self._watcher, str(connection.scalar(text("SELECT pg_current_snapshot()")))

    def close(self) -> None:
        """Give all connections back."""
        with self._watching, suppress(sqlite3.Error):
            if self._watch is not None:
                self._watch.close()
            self._watch = None
        self.engine.dispose()


def _postgresql_engine(url: str) -> Engine:
    """A pool that tries a connection before it gives it out: a server that was started again is not noticed.

    A process that stands still in the middle of a transaction loses it, and with it the locks that all others wait for;
    when it goes on, it fails as if the server had gone.
    """
    still = f"-c idle_in_transaction_session_timeout={STILL_SECONDS * 1000}"
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_size=POOL,
        max_overflow=2 * POOL,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": still},
    )

    @event.listens_for(engine, "handle_error", retval=True)
    def _stood_still(context: ExceptionContext) -> BaseException | None:
        """The driver takes this for a fault within the server; for us it is one that is away."""
        error = context.original_exception
        if getattr(error, "sqlstate", None) != IDLE_IN_TRANSACTION:
            return None
        context.is_disconnect = True
        return OperationalError(context.statement, context.parameters, error, connection_invalidated=True)

    return engine


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url, json_deserializer=orjson.loads, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("xuehai_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
