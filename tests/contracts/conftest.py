"""Makers of empty backends by name; the servers come from `tests/servers/fixtures.py`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from repo_service.storage import s3
from repo_service.storage.local import LocalStore
from repo_service.storage.port import ObjectStore


@pytest.fixture
def make_store(new_bucket: Callable[[str], str], tmp_path: Path) -> Callable[[str], ObjectStore]:
    """A maker of empty object stores by the name of their backend."""
    makers: dict[str, Callable[[], ObjectStore]] = {
        "local": lambda: LocalStore(tmp_path / "objects"),
        "minio": lambda: s3.connect(new_bucket("minio")),
        "versitygw": lambda: s3.connect(new_bucket("versitygw")),
    }
    return lambda name: makers[name]()
