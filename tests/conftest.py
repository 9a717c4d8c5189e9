"""What all tests share: the folder of real courseware, and a migrated embedded installation of their own."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from repo_service import wiring
from repo_service.context import Context
from repo_service.settings import Settings
from tests.migrated import migrate

# Hundreds of processes start in these tests: as in an installed program, the first one compiles a module for all.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Nor does an Elasticsearch live long enough here for its second compiler to earn what it costs.
os.environ.setdefault("ES_JAVA_OPTS", "-XX:TieredStopAtLevel=1")

pytest_plugins = ["tests.servers.fixtures", "tests.servers.databases", "tests.servers.profiles"]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The shared test data: real courseware, openly licensed, never copied into this repository."""
    given = os.environ.get("XUEHAI_TEST_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        assert not os.environ.get("CI"), f"the test data is not in {folder}"
        pytest.skip(f"the test data is not in {folder}")
    return folder


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of an installation in a folder of its own; its database is there too, or PostgreSQL where asked for."""
    return Settings(data_dir=tmp_path / "data", database_url=database_url)


@pytest.fixture
def ctx(settings: Settings) -> Iterator[Context]:
    """An embedded installation, migrated and empty; this process holds the index writer's role."""
    context = wiring.build(settings, index_writer=True)
    migrate(context.db)
    yield context
    context.close()


PATIENCE = 30_000  # ms until what is expected of a page has to be there: a laden machine is no fault of the page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window. One for all: a process can hold Playwright's loop only once."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: a test that did not run proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
