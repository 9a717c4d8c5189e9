"""A private Redis on a loopback port."""

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.servers.base import free_port, program, running


@contextlib.contextmanager
def redis(folder: Path, port: int = 0, password: str = "") -> Iterator[str]:
    """A Redis of its own that keeps what it is told in ``folder``; its URL. With a port: the same one come back.

    ``XUEHAI_TEST_REDIS`` names another instead.
    """
    if given := os.environ.get("XUEHAI_TEST_REDIS"):
        yield given
        return
    port, password = port or free_port(), password or secrets.token_hex(12)
    argv = [
        program("redis-server", "apt-get install redis-server"),
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--requirepass", password),
        *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
    ]

    def answers() -> bool:
        return ask(port, password, "PING") == b"+PONG\r\n"

    with running(argv, answers, folder / "redis.log"):
        yield f"redis://:{password}@127.0.0.1:{port}/0"


def ask(port: int, password: str, command: str) -> bytes:
    """The answer to one inline command; empty when nobody is there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(f"AUTH {password}\r\n".encode())
        connection.recv(64)
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(4096)
    return b""
