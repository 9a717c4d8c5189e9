"""The grown profile on one machine: PostgreSQL, MinIO, Elasticsearch, Redis, and the settings that lead to them."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers import elastic
from tests.servers import postgres as pg
from tests.servers.base import Missing, program
from tests.servers.elastic import elasticsearch
from tests.servers.postgres import postgres
from tests.servers.redis import redis
from tests.servers.s3 import MINIO, minio

_CHECKS: tuple[Callable[[], object], ...] = (
    pg.programs,
    lambda: program(*MINIO),
    lambda: program("redis-server", "apt-get install redis-server"),
    elastic.distribution,
)


def missing() -> list[str]:
    """Which servers are not on this machine and how they get there, all at once."""
    found = []
    for check in _CHECKS:
        try:
            check()
        except Missing as one:
            found.append(str(one))
    return found


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """All four, started side by side with their data in ``folder``; the settings of the installation on them.

    The same folder again: the same data. Raises Missing with all that is missing, before anything starts.
    """
    if wanted := missing():
        raise Missing("; ".join(wanted))
    secret = _secret(folder)
    starts: Mapping[str, contextlib.AbstractContextManager[str]] = {
        "database": postgres(folder),
        "store": minio(folder, secret=secret),
        "search": elasticsearch(folder),
        "queue": redis(folder, password=secret),
    }
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(starts)) as pool:
        starting = {name: pool.submit(stack.enter_context, server) for name, server in starts.items()}
        yield settings("xuehai", **{name: start.result() for name, start in starting.items()})


def settings(name: str, *, database: str, store: str, search: str, queue: str) -> dict[str, str]:
    """The four settings as the environment has them; bucket and prefix of the indexes have this name."""
    return {
        "XUEHAI_DATABASE_URL": database,
        "XUEHAI_STORAGE_URL": f"{store}/{name}?secure=false",
        "XUEHAI_SEARCH_URL": f"{search}/{name}",
        "XUEHAI_QUEUE_URL": queue,
    }


def _secret(folder: Path) -> str:
    """The password of the servers that this user starts, made at the first start."""
    path = folder / "secret"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()
