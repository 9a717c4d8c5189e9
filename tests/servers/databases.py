"""The two databases as fixtures: a test marked ``both_databases`` runs on SQLite and on PostgreSQL."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from repo_service.db import Database
from repo_service.migrations import run
from repo_service.services import seed
from tests.servers.fixtures import started
from tests.servers.postgres import postgres


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked, and has to do with a database, on each of them."""
    if "backend" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL with an empty database, or the one that ``XUEHAI_TEST_POSTGRES`` names.

    Its folder is not one of pytest's: each new session shuts those to other users.
    """
    if given := os.environ.get("XUEHAI_TEST_POSTGRES"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="xuehai-postgres-") as folder, started(postgres(Path(folder))) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a migrated database to copy; with the shipped trees, which every real installation has."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    _at(postgres_url, f"CREATE DATABASE {name}")
    db = Database(in_database(postgres_url, name))
    run.upgrade(db)
    seed.seed(db)
    db.close()
    return name


@contextmanager
def fresh_database(request: pytest.FixtureRequest, backend: str) -> Iterator[str]:
    """What `Settings` is told: nothing for SQLite in the data folder, or the URL of a fresh migrated PostgreSQL."""
    if backend == "sqlite":
        yield ""
        return
    template = request.getfixturevalue("postgres_template")
    with created(request.getfixturevalue("postgres_url"), template) as url:
        yield url


@contextmanager
def created(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database while the block runs: empty, or a copy of another one."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _at(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield in_database(server, name)
    _at(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own, of the kind that it runs on."""
    with fresh_database(request, backend) as url:
        yield url


@pytest.fixture
def new_postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL database of the test's own, migrated."""
    with fresh_database(request, "postgresql") as url:
        yield url


def in_database(url: str, name: str) -> str:
    """The same server's other database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _at(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
