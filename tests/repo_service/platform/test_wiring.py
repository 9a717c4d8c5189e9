"""Settings become parts; a URL that nothing serves is refused by name, without its secrets."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from repo_service import wiring
from repo_service.errors import Misconfigured
from repo_service.queue.local import LocalQueue
from repo_service.settings import Settings
from repo_service.storage.local import LocalStore
from search.embedded import EmbeddedIndex


def test_without_settings_everything_is_embedded(tmp_path: Path) -> None:
    ctx = wiring.build(Settings(data_dir=tmp_path))
    assert ctx.db.is_sqlite
    assert (type(ctx.store), type(ctx.index), type(ctx.queue)) == (LocalStore, EmbeddedIndex, LocalQueue)
    assert ctx.clock().tzinfo is not None
    ctx.close()


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("database_url", "mysql://user:geheim@host/db"),
        ("database_url", "geheim"),
        ("storage_url", "ftp://user:geheim@host/folder"),
        ("search_url", "solr://user:geheim@host"),
        ("search_url", "http://user:geheim@host:port/xuehai"),
        ("search_url", "https://host/xuehai?api_key=geheim&strange=1"),
        ("queue_url", "nats://user:geheim@host"),
    ],
)
def test_what_nothing_serves_is_refused(tmp_path: Path, setting: str, url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        wiring.build(Settings(data_dir=tmp_path, **{setting: url}))  # type: ignore[arg-type]
    assert f"XUEHAI_{setting.upper()}" in str(refused.value)
    assert "supported" in str(refused.value)
    assert "geheim" not in str(refused.value)


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[Path]:
    """A secret in a file that the environment names."""
    file = tmp_path / "secret"
    file.write_text("file:///from/a/file\n", encoding="utf-8")
    os.environ["XUEHAI_STORAGE_URL_FILE"] = str(file)
    yield file
    del os.environ["XUEHAI_STORAGE_URL_FILE"]


def test_a_secret_may_lie_in_a_file_and_the_variable_wins(secret: Path) -> None:
    assert Settings().storage_url == "file:///from/a/file"
    os.environ["XUEHAI_STORAGE_URL"] = "file:///given"
    try:
        assert Settings().storage_url == "file:///given"
    finally:
        del os.environ["XUEHAI_STORAGE_URL"]
