"""The servers that the contract suites run over, started once a session when their programs are here."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repo_service.storage import s3
from repo_service.storage.local import LocalStore
from repo_service.storage.port import ObjectStore
from tests.servers.base import Missing
from tests.servers.s3 import minio

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def minio_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MinIO of the test session's own, without a bucket."""
    try:
        with minio(tmp_path_factory.mktemp("minio")) as url:
            yield url
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], ObjectStore]:
    """A maker of empty object stores by the name of their backend."""
    makers: dict[str, Callable[[], ObjectStore]] = {
        "local": lambda: LocalStore(tmp_path / "objects"),
        "minio": lambda: s3.connect(f"{request.getfixturevalue('minio_url')}/bucket-{next(_numbers)}?secure=false"),
    }
    return lambda name: makers[name]()
