"""Makers of empty backends by name; the servers come from `tests/servers/fixtures.py`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repo_service.storage import s3
from repo_service.storage.local import LocalStore
from repo_service.storage.port import ObjectStore
from search import elastic
from search.embedded import EmbeddedIndex
from search.port import SearchIndex


@pytest.fixture
def make_store(new_bucket: Callable[[str], str], tmp_path: Path) -> Callable[[str], ObjectStore]:
    """A maker of empty object stores by the name of their backend."""
    makers: dict[str, Callable[[], ObjectStore]] = {
        "local": lambda: LocalStore(tmp_path / "objects"),
        "minio": lambda: s3.connect(new_bucket("minio")),
        "versitygw": lambda: s3.connect(new_bucket("versitygw")),
    }
    return lambda name: makers[name]()


@pytest.fixture(params=["embedded", pytest.param("elasticsearch", marks=pytest.mark.xdist_group("servers"))])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], SearchIndex]:
    """Open the index of this test, on each engine; a second time it is the same one."""
    if request.param == "embedded":
        return lambda: EmbeddedIndex(tmp_path / "index", writer=True)
    url = request.getfixturevalue("new_prefix")()
    return lambda: elastic.connect(url)


@pytest.fixture
def index(opened: Callable[[], SearchIndex]) -> Iterator[SearchIndex]:
    """An empty index of each engine."""
    index = opened()
    yield index
    index.close()
