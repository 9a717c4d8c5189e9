"""A private PostgreSQL cluster on a loopback port."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.servers.base import Missing, free_port, running

USER = "postgres"  # the server refuses to run as root


@contextlib.contextmanager
def postgres(folder: Path, port: int = 0) -> Iterator[str]:
    """A cluster of its own; the SQLAlchemy URL of its database ``xuehai``. The same folder again: the same data."""
    directory, data, port = programs(), folder / "postgres", port or free_port()
    user = USER if os.geteuid() == 0 else None
    cluster, secret = data / "cluster", data / "password"
    new = not cluster.exists()
    if new:
        _make_cluster(directory, data, user)
    password = secret.read_text()
    argv = [
        *(str(directory / "postgres"), "-D", str(cluster), "-h", "127.0.0.1", "-p", str(port), "-k", str(data)),
        *("-c", "fsync=off", "-c", "max_connections=200"),  # a test's cluster may forget at a power cut
    ]
    address = f"postgresql://xuehai:{password}@127.0.0.1:{port}/postgres"
    ask = [str(directory / "psql"), address, "-qc"]

    def answers() -> bool:
        return subprocess.run([*ask, "select 1"], capture_output=True).returncode == 0

    with running(argv, answers, folder / "postgres.log", user=user, stop=signal.SIGINT):
        if new:
            subprocess.run([*ask, "create database xuehai"], check=True, capture_output=True)
        yield f"postgresql+psycopg://xuehai:{password}@127.0.0.1:{port}/xuehai"


def _make_cluster(directory: Path, data: Path, user: str | None) -> None:
    """An empty cluster in ``data``, beside the password of its owner."""
    data.mkdir()
    secret = data / "password"
    secret.write_text(secrets.token_hex(12))
    if user:
        shutil.chown(data, user)
        shutil.chown(secret, user)
        for parent in data.parents:  # pytest keeps its folders to their owner
            if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(
        [
            *(directory / "initdb", "-D", data / "cluster", "-U", "xuehai", f"--pwfile={secret}"),
            *("-A", "scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        user=user,
        cwd=data,
    )


def programs() -> Path:
    """Where Debian keeps the newest version's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise Missing("PostgreSQL is not here; apt-get install postgresql")
    return found[-1].parent
